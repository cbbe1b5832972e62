<?php

require __DIR__ . '/lib/fixture.php';
require_service();
$path = preg_replace('~^/index\.php~', '', parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
if ($path === '' || $path === '/') {
    header('Location: ' . configuration()['overwrite.cli.url'] . '/login', true, 302);
} elseif ($path === '/login') {
    header('Content-Type: text/html; charset=utf-8');
    echo '<!DOCTYPE html><title>', htmlspecialchars(app_value('theming', 'name')), '</title><h1>Fixture</h1>';
} else {
    http_response_code(404);
}
