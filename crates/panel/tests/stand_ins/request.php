<?php
// One request as a server hands it to PHP: the body on the standard input, the signature's header in
// SIGNATURE; prints the answer's status when the receiver has answered.
declare(strict_types=1);

final class Input
{
    /** @var resource|null */
    public $context;

    public function stream_open(string $path): bool
    {
        return $path === 'php://input';
    }

    public function stream_read(int $count): string
    {
        return (string) fread(STDIN, $count);
    }

    public function stream_eof(): bool
    {
        return feof(STDIN);
    }

    public function stream_stat(): array
    {
        return [];
    }
}

stream_wrapper_unregister('php');
stream_wrapper_register('php', Input::class);
if (getenv('SIGNATURE') !== false) {
    $_SERVER['HTTP_X_SELLVIK_SIGNATURE'] = getenv('SIGNATURE');
}
http_response_code(500);
register_shutdown_function(function (): void { echo 'status ', http_response_code(), "\n"; });
