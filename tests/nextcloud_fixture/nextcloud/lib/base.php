<?php

// What the role adds and removes peers with: for these there is no command.

declare(strict_types=1);

namespace OCP {
    require __DIR__ . '/fixture.php';

    class Server
    {
        public static function get(string $name): object
        {
            return new $name();
        }
    }
}

namespace OCP\App {
    class IAppManager
    {
        public function loadApp(string $app): void
        {
            if (app_value($app, 'enabled') !== 'yes') {
                throw new \RuntimeException("$app is not enabled.");
            }
        }
    }
}

namespace OCA\Federation {
    class TrustedServers
    {
        public function getServers(): array
        {
            return array_map(fn ($url) => ['id' => $url, 'url' => $url], ask('SELECT url FROM oc_trusted_servers'));
        }

        public function isTrustedServer(string $url): bool
        {
            return in_array($url, array_column($this->getServers(), 'url'), true);
        }

        public function addServer(string $url): void
        {
            ask('INSERT INTO oc_trusted_servers VALUES (?)', $url);
        }

        public function removeServer(string $id): void
        {
            ask('DELETE FROM oc_trusted_servers WHERE url = ?', $id);
        }
    }
}
