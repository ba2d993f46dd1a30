/* SPDX-License-Identifier: Apache-2.0 */
/* Directives: read, checked, merged, and their defaults. */
#include "mod_locks.h"

#include <ap_provider.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include <string.h>

#include "locks_request.h"

APLOG_USE_MODULE(locks);

#define DEFAULT_BASE "/locks"
#define DEFAULT_STORE "memcached:127.0.0.1:11211"
#define DEFAULT_SESSION_KEY "session:%s"
#define DEFAULT_SESSION_SOURCE "record"
#define DEFAULT_KEY_PREFIX "locks:"
#define DEFAULT_TTL apr_time_from_sec(5 * 60)
#define DEFAULT_STORE_TIMEOUT apr_time_from_msec(250)
#define DEFAULT_MAX_PER_COURSE 1000
#define DEFAULT_CATALOG "dbd"
#define DEFAULT_COURSE_QUERY \
    "SELECT id FROM course WHERE id = %s OR internal_id = %s"
#define DEFAULT_GADGET_QUERY \
    "SELECT id FROM gadget WHERE course_id = %s AND id = %s"
#define DEFAULT_ACCESS_QUERY                                \
    "SELECT 1 FROM course_permission WHERE course_id = %s " \
    "AND principal = %s "                                   \
    "AND permission = 'InsertConfigureDeleteYourOwnGadgetInstances'"

/** Bounds of the directives that take a number or a time. */
#define TTL_MIN apr_time_from_sec(1)
#define TTL_MAX apr_time_from_sec(24 * 60 * 60)
#define STORE_TIMEOUT_MIN apr_time_from_msec(1)
#define STORE_TIMEOUT_MAX apr_time_from_sec(60)
#define SKEW_MAX apr_time_from_sec(60 * 60)
#define MAX_PER_COURSE_MAX 100000

/* ---- Configurations ---- */

void *locks_create_server_config(apr_pool_t *pool, server_rec *server)
{
    locks_server_config_t *config = apr_pcalloc(pool, sizeof(*config));

    (void)server;
    config->store_timeout = LOCKS_UNSET;
    config->rules.ttl = LOCKS_UNSET;
    config->rules.skew = LOCKS_UNSET;
    config->rules.max_per_course = LOCKS_UNSET;
    return config;
}

#define INHERIT(member, unset)         \
    if (merged->member == (unset)) {   \
        merged->member = base->member; \
    }

void *locks_merge_server_config(apr_pool_t *pool, void *base_config,
                                void *added_config)
{
    const locks_server_config_t *base = base_config;
    locks_server_config_t *merged =
        apr_pmemdup(pool, added_config, sizeof(*merged));

    INHERIT(store_address, NULL)
    INHERIT(session_store_address, NULL)
    INHERIT(session_key_format, NULL)
    INHERIT(session_source, NULL)
    INHERIT(course_query, NULL)
    INHERIT(gadget_query, NULL)
    INHERIT(access_query, NULL)
    INHERIT(store_timeout, LOCKS_UNSET)
    INHERIT(rules.prefix, NULL)
    INHERIT(rules.ttl, LOCKS_UNSET)
    INHERIT(rules.skew, LOCKS_UNSET)
    INHERIT(rules.max_per_course, LOCKS_UNSET)
    return merged;
}

void *locks_create_location_config(apr_pool_t *pool, char *path)
{
    (void)path;
    return apr_pcalloc(pool, sizeof(locks_location_config_t));
}

void *locks_merge_location_config(apr_pool_t *pool, void *base_config,
                                  void *added_config)
{
    const locks_location_config_t *base = base_config;
    locks_location_config_t *merged =
        apr_pmemdup(pool, added_config, sizeof(*merged));

    INHERIT(base, NULL)
    INHERIT(catalog, NULL)
    INHERIT(user_format, NULL)
    return merged;
}

#define DEFAULT(member, unset, value) \
    if (config->member == (unset)) {  \
        config->member = (value);     \
    }

void locks_default_server_config(locks_server_config_t *config)
{
    DEFAULT(store_address, NULL, DEFAULT_STORE)
    DEFAULT(session_key_format, NULL, DEFAULT_SESSION_KEY)
    DEFAULT(session_source, NULL, DEFAULT_SESSION_SOURCE)
    DEFAULT(course_query, NULL, DEFAULT_COURSE_QUERY)
    DEFAULT(gadget_query, NULL, DEFAULT_GADGET_QUERY)
    DEFAULT(access_query, NULL, DEFAULT_ACCESS_QUERY)
    DEFAULT(store_timeout, LOCKS_UNSET, DEFAULT_STORE_TIMEOUT)
    DEFAULT(rules.prefix, NULL, DEFAULT_KEY_PREFIX)
    DEFAULT(rules.ttl, LOCKS_UNSET, DEFAULT_TTL)
    DEFAULT(rules.skew, LOCKS_UNSET, 0)
    DEFAULT(rules.max_per_course, LOCKS_UNSET, DEFAULT_MAX_PER_COURSE)
    config->sessions =
        ap_lookup_provider(LOCKS_SESSION_PROVIDER_GROUP, config->session_source,
                           LOCKS_SESSION_PROVIDER_VERSION);
}

static const locks_location_config_t *location_config(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &locks_module);
}

const char *locks_base(const request_rec *r)
{
    const char *base = location_config(r)->base;

    return base != NULL ? base : DEFAULT_BASE;
}

const char *locks_user(request_rec *r)
{
    const ap_expr_info_t *format = location_config(r)->user_format;
    const char *error = NULL;
    const char *user;

    if (format == NULL || r->user == NULL) {
        return r->user;
    }
    user = ap_expr_str_exec(r, format, &error);
    if (error != NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "locks: LocksUserFormat could not be evaluated: %s",
                      error);
        return NULL;
    }
    return user;
}

const locks_catalog_provider_t *locks_catalog(const request_rec *r)
{
    const locks_catalog_provider_t *catalog = location_config(r)->catalog;

    return catalog != NULL ? catalog
                           : ap_lookup_provider(LOCKS_CATALOG_PROVIDER_GROUP,
                                                DEFAULT_CATALOG,
                                                LOCKS_CATALOG_PROVIDER_VERSION);
}

const locks_server_config_t *locks_server_config(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &locks_module);
}

/* ---- Directives ---- */

static locks_server_config_t *server_of(const cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &locks_module);
}

/** An error message that begins with the directive's name. */
static const char *wrong(const cmd_parms *cmd, const char *text)
{
    return apr_pstrcat(cmd->pool, cmd->cmd->name, " ", text, NULL);
}

static const char *set_base(cmd_parms *cmd, void *location, const char *path)
{
    locks_location_config_t *config = location;
    apr_size_t length = strlen(path);
    char *normal = apr_pstrdup(cmd->pool, path);

    if (*path != '/' || !ap_normalize_path(normal, 0) ||
        strcmp(normal, path) != 0 || strpbrk(path, "?#%") != NULL ||
        strstr(path, "//") != NULL) {
        return wrong(cmd, "takes the path of the location as clients see it: "
                          "absolute, decoded, without query, dot segments or "
                          "double slashes, for example /api/v2/locks");
    }
    if (path[length - 1] == '/') {
        normal[length - 1] = '\0';
    }
    config->base = normal;
    return NULL;
}

/** Checks "provider:arguments" as far as can be while reading. */
static const char *check_store(cmd_parms *cmd, const char *address)
{
    const char *colon = strchr(address, ':');
    const locks_store_provider_t *provider;
    locks_store_t *store;
    const char *name;
    const char *error;

    if (colon == NULL || colon == address) {
        return wrong(cmd, "takes provider:arguments, for example "
                          "memcached:127.0.0.1:11211 or "
                          "memcached:unix:/run/memcached/locks.sock");
    }
    name = apr_pstrmemdup(cmd->pool, address, (apr_size_t)(colon - address));
    provider = ap_lookup_provider(LOCKS_STORE_PROVIDER_GROUP, name,
                                  LOCKS_STORE_PROVIDER_VERSION);
    if (provider == NULL) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "does not know the store \"%s\": load "
                                       "its module first, or use "
                                       "memcached:host:port",
                                       name));
    }
    error = provider->create(&store, colon + 1, DEFAULT_STORE_TIMEOUT,
                             cmd->temp_pool);
    return error == NULL ? NULL
                         : apr_psprintf(cmd->pool, "%s %s: %s", cmd->cmd->name,
                                        address, error);
}

static const char *set_store(cmd_parms *cmd, void *location,
                             const char *address)
{
    (void)location;
    server_of(cmd)->store_address = address;
    return check_store(cmd, address);
}

static const char *set_session_store(cmd_parms *cmd, void *location,
                                     const char *address)
{
    (void)location;
    server_of(cmd)->session_store_address = address;
    return check_store(cmd, address);
}

static const char *set_session_source(cmd_parms *cmd, void *location,
                                      const char *name)
{
    (void)location;
    if (ap_lookup_provider(LOCKS_SESSION_PROVIDER_GROUP, name,
                           LOCKS_SESSION_PROVIDER_VERSION) == NULL) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "does not know the source \"%s\": load "
                                       "its module first, or use \"record\"",
                                       name));
    }
    server_of(cmd)->session_source = name;
    return NULL;
}

/** May these bytes stand in a key? */
static int fits_key(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= ' ' || *text == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static const char *set_session_key(cmd_parms *cmd, void *location,
                                   const char *format)
{
    const char *place = strchr(format, '%');

    (void)location;
    if (place == NULL || place[1] != 's' || strchr(place + 1, '%') != NULL ||
        !fits_key(format) ||
        strlen(format) - 2 + LOCKS_SID_MAX > LOCKS_STORE_KEY_MAX) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a key with one %%s where the SID "
                                       "stands, no other %%, no blanks, and at "
                                       "most %d bytes beside it, for example "
                                       "session:%%s",
                                       LOCKS_STORE_KEY_MAX - LOCKS_SID_MAX));
    }
    server_of(cmd)->session_key_format = format;
    return NULL;
}

static const char *set_prefix(cmd_parms *cmd, void *location,
                              const char *prefix)
{
    (void)location;
    if (!fits_key(prefix) || strlen(prefix) > LOCKS_PREFIX_MAX) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes at most %d bytes without "
                                       "blanks, for example locks:",
                                       LOCKS_PREFIX_MAX));
    }
    server_of(cmd)->rules.prefix = prefix;
    return NULL;
}

/** The units that times may have, the longest names first. */
static const struct {
    const char *name;
    apr_interval_time_t duration;
} units[] = {
    {"ms", 1000},
    {"s", APR_USEC_PER_SEC},
    {"m", 60 * (apr_interval_time_t)APR_USEC_PER_SEC},
    {"h", 3600 * (apr_interval_time_t)APR_USEC_PER_SEC},
    {"", APR_USEC_PER_SEC},
};

/** Reads a time such as 250ms, 5m or 90. APR_EINVAL if it is none. */
static apr_status_t parse_time(apr_interval_time_t *duration, const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");
    apr_size_t i;

    if (digits == 0 || digits > 9) {
        return APR_EINVAL;
    }
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text + digits, units[i].name) == 0) {
            *duration = apr_atoi64(text) * units[i].duration;
            return APR_SUCCESS;
        }
    }
    return APR_EINVAL;
}

/** Reads a time within bounds, which the message of an error states. */
static const char *set_time(cmd_parms *cmd, apr_interval_time_t *duration,
                            const char *text, apr_interval_time_t least,
                            apr_interval_time_t most, const char *bounds)
{
    if (parse_time(duration, text) != APR_SUCCESS || *duration < least ||
        *duration > most) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a time of %s, with the unit "
                                       "ms, s, m or h, or in seconds without "
                                       "one; not \"%s\"",
                                       bounds, text));
    }
    return NULL;
}

static const char *set_ttl(cmd_parms *cmd, void *location, const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->rules.ttl, text, TTL_MIN, TTL_MAX,
                    "1s to 24h");
}

static const char *set_store_timeout(cmd_parms *cmd, void *location,
                                     const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->store_timeout, text,
                    STORE_TIMEOUT_MIN, STORE_TIMEOUT_MAX, "1ms to 60s");
}

static const char *set_skew(cmd_parms *cmd, void *location, const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->rules.skew, text, 0, SKEW_MAX,
                    "0 to 1h");
}

static const char *set_max_per_course(cmd_parms *cmd, void *location,
                                      const char *text)
{
    apr_size_t digits = strspn(text, "0123456789");
    apr_int64_t number = apr_atoi64(text);

    (void)location;
    if (digits == 0 || digits > 9 || text[digits] != '\0' || number < 1 ||
        number > MAX_PER_COURSE_MAX) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a number from 1 to %d; not "
                                       "\"%s\"",
                                       MAX_PER_COURSE_MAX, text));
    }
    server_of(cmd)->rules.max_per_course = (int)number;
    return NULL;
}

static const char *set_catalog(cmd_parms *cmd, void *location, const char *name)
{
    locks_location_config_t *config = location;

    config->catalog = ap_lookup_provider(LOCKS_CATALOG_PROVIDER_GROUP, name,
                                         LOCKS_CATALOG_PROVIDER_VERSION);
    return config->catalog != NULL
               ? NULL
               : wrong(cmd, apr_psprintf(cmd->pool,
                                         "does not know the catalog \"%s\": "
                                         "load its module first, or use "
                                         "\"dbd\"",
                                         name));
}

static const char *set_user_format(cmd_parms *cmd, void *location,
                                   const char *text)
{
    locks_location_config_t *config = location;
    const char *error = NULL;

    config->user_format =
        ap_expr_parse_cmd(cmd, text, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);
    return error == NULL
               ? NULL
               : wrong(cmd, apr_pstrcat(cmd->pool,
                                        "takes an expression that makes the "
                                        "owner's name, for example "
                                        "%{REMOTE_USER}: ",
                                        error, NULL));
}

int locks_count_arguments(const char *sql)
{
    int count = 0;

    for (; *sql != '\0'; sql++) {
        if (*sql != '%') {
            continue;
        }
        sql++;
        if (*sql == 's') {
            count++;
        } else if (*sql != '%') {
            return -1;
        }
    }
    return count;
}

static const char *set_course_query(cmd_parms *cmd, void *location,
                                    const char *sql)
{
    int arguments = locks_count_arguments(sql);

    (void)location;
    if (arguments < 1 || arguments > LOCKS_COURSE_QUERY_ARGUMENTS_MAX) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a query with 1 to %d %%s, each "
                                       "of which is the course key; write %%%% "
                                       "for a percent sign",
                                       LOCKS_COURSE_QUERY_ARGUMENTS_MAX));
    }
    server_of(cmd)->course_query = sql;
    return NULL;
}

/** Checks a query that asks about two things. */
static const char *check_pair_query(cmd_parms *cmd, const char *sql,
                                    const char *second)
{
    if (locks_count_arguments(sql) != 2) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a query with two %%s: the "
                                       "course ID, then the %s; write %%%% for "
                                       "a percent sign",
                                       second));
    }
    return NULL;
}

static const char *set_gadget_query(cmd_parms *cmd, void *location,
                                    const char *sql)
{
    (void)location;
    server_of(cmd)->gadget_query = sql;
    return check_pair_query(cmd, sql, "gadget ID");
}

static const char *set_access_query(cmd_parms *cmd, void *location,
                                    const char *sql)
{
    (void)location;
    server_of(cmd)->access_query = sql;
    return check_pair_query(cmd, sql, "principal");
}

const command_rec locks_directives[] = {
    AP_INIT_TAKE1("LocksBase", set_base, NULL, RSRC_CONF | ACCESS_CONF,
                  "the path that SetHandler locks serves; default /locks"),
    AP_INIT_TAKE1("LocksStore", set_store, NULL, RSRC_CONF,
                  "where locks live, as provider:arguments; default "
                  "memcached:127.0.0.1:11211"),
    AP_INIT_TAKE1("LocksSessionStore", set_session_store, NULL, RSRC_CONF,
                  "where sessions are read, as provider:arguments; default "
                  "the lock store"),
    AP_INIT_TAKE1("LocksSessionSource", set_session_source, NULL, RSRC_CONF,
                  "who knows what a SID stands for; default record"),
    AP_INIT_TAKE1("LocksSessionKey", set_session_key, NULL, RSRC_CONF,
                  "the key of a session, %s for the SID; default session:%s"),
    AP_INIT_TAKE1("LocksKeyPrefix", set_prefix, NULL, RSRC_CONF,
                  "the prefix of every key that is written; default locks:"),
    AP_INIT_TAKE1("LocksTTL", set_ttl, NULL, RSRC_CONF,
                  "the lease, 1s to 24h; default 5m"),
    AP_INIT_TAKE1("LocksStoreTimeout", set_store_timeout, NULL, RSRC_CONF,
                  "the longest that one store operation may take; default "
                  "250ms"),
    AP_INIT_TAKE1("LocksClockSkew", set_skew, NULL, RSRC_CONF,
                  "how far hosts' clocks may differ; default 0"),
    AP_INIT_TAKE1("LocksMaxPerCourse", set_max_per_course, NULL, RSRC_CONF,
                  "the most locks in one course; default 1000"),
    AP_INIT_TAKE1("LocksCatalog", set_catalog, NULL, RSRC_CONF | ACCESS_CONF,
                  "who knows courses, gadgets and permissions; default dbd"),
    AP_INIT_TAKE1("LocksUserFormat", set_user_format, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "the owner that a user of httpd's is; default "
                  "%{REMOTE_USER}"),
    AP_INIT_TAKE1("LocksCourseQuery", set_course_query, NULL, RSRC_CONF,
                  "finds a course by its key"),
    AP_INIT_TAKE1("LocksGadgetQuery", set_gadget_query, NULL, RSRC_CONF,
                  "finds a gadget by course ID and gadget ID"),
    AP_INIT_TAKE1("LocksAccessQuery", set_access_query, NULL, RSRC_CONF,
                  "finds a permission by course ID and principal"),
    {.name = NULL},
};
