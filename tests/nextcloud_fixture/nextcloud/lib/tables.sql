CREATE TABLE oc_appconfig (appid text, configkey text, configvalue text, PRIMARY KEY (appid, configkey));
CREATE TABLE oc_preferences (userid text, appid text, configkey text, configvalue text,
    PRIMARY KEY (userid, appid, configkey));
CREATE TABLE oc_addressbooks (id bigserial PRIMARY KEY, principaluri text, uri text);
CREATE TABLE oc_cards (id bigserial PRIMARY KEY, addressbookid bigint, carddata bytea);
CREATE TABLE oc_calendars (id bigserial PRIMARY KEY, principaluri text, uri text, deleted_at bigint);
CREATE TABLE oc_calendarobjects (id bigserial PRIMARY KEY, calendarid bigint, calendardata bytea,
    calendartype bigint DEFAULT 0, deleted_at bigint);
CREATE TABLE oc_trusted_servers (url text PRIMARY KEY);
