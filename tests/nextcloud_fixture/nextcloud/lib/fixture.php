<?php

// What the fixture's command and pages share: its version, the configuration, the database.

declare(strict_types=1);

class OC
{
    public static string $SERVERROOT;
}

OC::$SERVERROOT = dirname(__DIR__);

function config_folder(): string
{
    return getenv('NEXTCLOUD_CONFIG_DIR') ?: OC::$SERVERROOT . '/config';
}

/** config.php, then the others by name; each has the last word on its keys. */
function configuration(): array
{
    $extra = glob(config_folder() . '/*.config.php');
    natsort($extra);
    $all = [];
    foreach ([config_folder() . '/config.php', ...$extra] as $file) {
        if (function_exists('opcache_invalidate')) {
            opcache_invalidate($file);
        }
        $CONFIG = [];
        if (is_file($file)) {
            include $file;
        }
        $all = array_merge($all, $CONFIG);
    }
    return $all;
}

/** config.php gets everything that is known, what the other files say included. */
function configure(array $changes): void
{
    $all = array_merge(configuration(), $changes);
    $file = fopen(config_folder() . '/config.php', 'c');
    chmod(config_folder() . '/config.php', 0640);
    flock($file, LOCK_EX);
    ftruncate($file, 0);
    fwrite($file, "<?php\n\$CONFIG = " . var_export($all, true) . ";\n");
    fclose($file);
}

/** The version of this code, and the lines that it takes over from. */
function release(): array
{
    include OC::$SERVERROOT . '/version.php';
    return ['version' => implode('.', $OC_Version), 'string' => $OC_VersionString,
        'from' => $OC_VersionCanBeUpgradedFrom['nextcloud']];
}

function status(): array
{
    $config = configuration();
    $installed = $config['installed'] ?? false;
    return [
        'installed' => $installed,
        'maintenance' => $config['maintenance'] ?? false,
        'needsDbUpgrade' => $installed && version_compare(release()['version'], $config['version'], '>'),
        'version' => release()['version'],
        'versionstring' => release()['string'],
        'edition' => '',
        'productname' => 'Nextcloud',
        'extendedSupport' => false,
    ];
}

function database(): PDO
{
    static $connection = null;
    $config = configuration();
    return $connection ??= new PDO(
        "pgsql:host={$config['dbhost']};dbname={$config['dbname']}",
        $config['dbuser'],
        $config['dbpassword'],
        [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_PERSISTENT => $config['dbpersistent'] ?? false],
    );
}

/** Runs one statement; gives the first column of its rows. */
function ask(string $sql, string ...$values): array
{
    $statement = database()->prepare($sql);
    $statement->execute($values);
    return $statement->columnCount() ? $statement->fetchAll(PDO::FETCH_COLUMN) : [];
}

function app_value(string $app, string $key): string
{
    return ask('SELECT configvalue FROM oc_appconfig WHERE appid = ? AND configkey = ?', $app, $key)[0] ?? '';
}

function set_app_value(string $app, string $key, string $value): void
{
    ask('INSERT INTO oc_appconfig VALUES (?, ?, ?)
        ON CONFLICT (appid, configkey) DO UPDATE SET configvalue = excluded.configvalue', $app, $key, $value);
}

function set_preference(string $uid, string $app, string $key, string $value): void
{
    ask('INSERT INTO oc_preferences VALUES (?, ?, ?, ?)
        ON CONFLICT (userid, appid, configkey) DO UPDATE SET configvalue = excluded.configvalue', $uid, $app, $key, $value);
}

/** The cache of this process's kind, without which the real one does not work either. */
function require_cache(): void
{
    if ((configuration()['memcache.local'] ?? '') === '\OC\Memcache\APCu' && !apcu_enabled()) {
        throw new RuntimeException('APCu is configured, and not available for ' . PHP_SAPI);
    }
}

/** Ends a request that cannot be served: the address is not ours, or nobody is served now. */
function require_service(): void
{
    require_cache();
    $status = status();
    if (!in_array($_SERVER['HTTP_HOST'], configuration()['trusted_domains'] ?? [], true)) {
        http_response_code(400);
        exit("This address is not trusted.\n");
    }
    if (!$status['installed'] || $status['maintenance'] || $status['needsDbUpgrade']) {
        http_response_code(503);
        exit("Not in service.\n");
    }
}
