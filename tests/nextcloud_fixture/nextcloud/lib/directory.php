<?php

// The people of the directory, with the settings that were imported for user_ldap.

declare(strict_types=1);

function setting(string $name): string
{
    return app_value('user_ldap', "s01$name");
}

/** The directory, logged in as the service; null where it is not set up. */
function directory(): ?LDAP\Connection
{
    if (app_value('user_ldap', 'enabled') !== 'yes' || setting('ldap_configuration_active') !== '1') {
        return null;
    }
    $directory = ldap_connect(setting('ldap_host'));
    ldap_set_option($directory, LDAP_OPT_PROTOCOL_VERSION, 3);
    ldap_bind($directory, setting('ldap_dn'), base64_decode(setting('ldap_agent_password')));
    return $directory;
}

/** The one person whom a filter finds: dn, uid, uuid and quota in bytes. */
function person(LDAP\Connection $directory, string $filter): ?array
{
    $names = array_map(setting(...), ['ldap_expert_username_attr', 'ldap_expert_uuid_user_attr', 'ldap_quota_attr']);
    $found = ldap_get_entries($directory, ldap_search($directory, setting('ldap_base_users'), $filter, $names));
    if ($found['count'] !== 1) {
        return null;
    }
    [$uid, $uuid, $quota] = array_map(fn ($name) => $found[0][strtolower($name)][0] ?? '', $names);
    return ['dn' => $found[0]['dn'], 'uid' => $uid, 'uuid' => $uuid, 'quota' => $quota];
}

/** Lets somebody in; gives the name inside, or null. Who has come once is known from then on. */
function log_in(string $name, string $password): ?string
{
    $directory = directory();
    $filter = str_replace('%uid', ldap_escape($name, '', LDAP_ESCAPE_FILTER), setting('ldap_login_filter'));
    $person = $directory && $password !== '' ? person($directory, $filter) : null;
    if (!$person || !@ldap_bind($directory, $person['dn'], $password)) {
        return null;
    }
    remember($person);
    return $person['uid'];
}

function remember(array $person): void
{
    ask('INSERT INTO oc_ldap_user_mapping VALUES (?, ?, ?) ON CONFLICT (owncloud_name) DO NOTHING',
        $person['dn'], $person['uid'], $person['uuid']);
    set_preference($person['uid'], 'files', 'quota', quota($person['quota']));
    @mkdir(configuration()['datadirectory'] . '/' . $person['uid']);
}

/** A number of bytes as it is kept: with one decimal from megabytes on, where it is not zero. */
function quota(string $bytes): string
{
    $value = (float) $bytes;
    foreach (['B', 'KB', 'MB', 'GB'] as $power => $unit) {
        if ($value < 1024) {
            return "$value $unit";
        }
        $value = round($value / 1024, $power === 0 ? 0 : 1);
    }
    return "$value TB";
}

/** Has the directory read again for somebody; false when it has no such person. */
function refresh(string $uid): bool
{
    $directory = directory();
    $same = setting('ldap_expert_username_attr') . '=' . ldap_escape($uid, '', LDAP_ESCAPE_FILTER);
    $person = $directory ? person($directory, '(&' . setting('ldap_userlist_filter') . "($same))") : null;
    if ($person) {
        remember($person);
    }
    return (bool) $person;
}
