<?php
declare(strict_types=1);

const TOLERANCE_SECONDS = 5 * 60;

function isFromSellvik(string $rawBody, string $header, string $secret): bool
{
    $parts = [];
    foreach (explode(',', $header) as $part) {
        [$key, $value] = explode('=', $part, 2) + [1 => ''];
        $parts[$key] = $value;
    }
    $t = $parts['t'] ?? '';
    if (!ctype_digit($t) || abs(time() - (int) $t) > TOLERANCE_SECONDS) {
        return false;
    }
    $expected = hash_hmac('sha256', "$t.$rawBody", $secret);
    return hash_equals($expected, $parts['v1'] ?? '');
}

$secret = getenv('SELLVIK_WEBHOOK_SECRET') ?: throw new RuntimeException('SELLVIK_WEBHOOK_SECRET is not set');
$rawBody = file_get_contents('php://input');

if (!isFromSellvik($rawBody, $_SERVER['HTTP_X_SELLVIK_SIGNATURE'] ?? '', $secret)) {
    http_response_code(401);
    exit;
}

$event = json_decode($rawBody, true, 512, JSON_THROW_ON_ERROR);
// The same event may come more than once, with the same id. Answer first, work later.
error_log("{$event['type']} {$event['id']}");
http_response_code(200);
