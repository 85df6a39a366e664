# What the receiver uses of Sinatra, for one request: the body on the standard input, the signature's header
# in SIGNATURE; prints the answer's status when the receiver's file has been read.
require "logger"

Request = Struct.new(:body, :env)

def request
  header = ENV["SIGNATURE"]
  Request.new($stdin.binmode, header ? { "HTTP_X_SELLVIK_SIGNATURE" => header.b } : {})
end

def logger
  Logger.new($stderr)
end

def halt(status)
  throw :halt, status
end

def post(_path, &handler)
  at_exit { puts "status #{catch(:halt, &handler)}" }
end
