# gem install sinatra rackup puma
require "json"
require "openssl"
require "sinatra"

SECRET = ENV.fetch("SELLVIK_WEBHOOK_SECRET")
TOLERANCE_SECONDS = 5 * 60

def from_sellvik?(raw_body, header)
  parts = header.split(",").to_h { |part| part.split("=", 2).values_at(0, 1) }
  t, v1 = parts.values_at("t", "v1").map(&:to_s)
  return false unless t.match?(/\A\d+\z/)
  return false if (Time.now.to_i - t.to_i).abs > TOLERANCE_SECONDS

  hmac = OpenSSL::HMAC.new(SECRET, "SHA256") << t << "." << raw_body
  OpenSSL.secure_compare(hmac.hexdigest, v1)
end

post "/sellvik-webhook" do
  raw_body = request.body.read
  halt 401 unless from_sellvik?(raw_body, request.env["HTTP_X_SELLVIK_SIGNATURE"].to_s)

  event = JSON.parse(raw_body)
  # The same event may come more than once, with the same id. Answer first, work later.
  logger.info "#{event["type"]} #{event["id"]}"
  200
end
