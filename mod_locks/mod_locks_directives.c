/* SPDX-License-Identifier: Apache-2.0 */
/* Directives: read and checked. */
#include "mod_locks_status.h"

#include <ap_provider.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include <string.h>

#include "locks_json_pointer.h"
#include "locks_request.h"
#include "locks_uri_template.h"

APLOG_USE_MODULE(locks);

/** Bounds of the directives that take a number or a time. */
#define TTL_MIN apr_time_from_sec(1)
#define TTL_MAX apr_time_from_sec(24 * 60 * 60)
#define WAIT_MAX apr_time_from_sec(5 * 60)
#define WAIT_INTERVAL_MIN apr_time_from_msec(10)
#define WAIT_INTERVAL_MAX apr_time_from_sec(60)
#define STORE_TIMEOUT_MIN apr_time_from_msec(1)
#define STORE_TIMEOUT_MAX apr_time_from_sec(60)
#define SESSION_CACHE_MIN apr_time_from_sec(1)
#define SESSION_CACHE_MAX apr_time_from_sec(60 * 60)
#define SKEW_MAX apr_time_from_sec(60 * 60)
#define MAX_PER_COURSE_MAX 100000
#define CACHE_MAX apr_time_from_sec(24 * 60 * 60)
/** What the names of methods consist of. */
#define METHOD_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
/** The longest that negative answers are kept without a time of their own. */
#define CACHE_NEGATIVE_MOST apr_time_from_sec(5)

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
    error = provider->create(&store, colon + 1, LOCKS_DEFAULT_STORE_TIMEOUT,
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

static const char *set_ttl_min(cmd_parms *cmd, void *location, const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->rules.ttl_min, text, TTL_MIN, TTL_MAX,
                    "1s to 24h");
}

static const char *set_ttl_max(cmd_parms *cmd, void *location, const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->rules.ttl_max, text, TTL_MIN, TTL_MAX,
                    "1s to 24h");
}

static const char *set_wait_max(cmd_parms *cmd, void *location,
                                const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->wait_max, text, 0, WAIT_MAX,
                    "0 to 5m");
}

static const char *set_wait_interval(cmd_parms *cmd, void *location,
                                     const char *text)
{
    (void)location;
    return set_time(cmd, &server_of(cmd)->wait_interval, text,
                    WAIT_INTERVAL_MIN, WAIT_INTERVAL_MAX, "10ms to 60s");
}

static const char *set_explain(cmd_parms *cmd, void *location, int flag)
{
    (void)location;
    server_of(cmd)->explains = flag;
    return NULL;
}

static const char *set_session_cache(cmd_parms *cmd, void *location,
                                     const char *text)
{
    apr_interval_time_t *duration = &server_of(cmd)->session_cache;

    (void)location;
    if (ap_cstr_casecmp(text, "off") == 0 ||
        (parse_time(duration, text) == APR_SUCCESS && *duration == 0)) {
        *duration = 0;
        return NULL;
    }
    return set_time(cmd, duration, text, SESSION_CACHE_MIN, SESSION_CACHE_MAX,
                    "1s to 1h, or 0 to keep none");
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

    config->catalog_name = name;
    if (strcmp(name, LOCKS_SITE_CATALOG_NAME) == 0) {
        server_of(cmd)->site_catalog = cmd->directive;
    }
    config->catalog = ap_lookup_provider(LOCKS_CATALOG_PROVIDER_GROUP, name,
                                         LOCKS_CATALOG_PROVIDER_VERSION);
    return config->catalog != NULL
               ? NULL
               : wrong(cmd, apr_psprintf(cmd->pool,
                                         "does not know the catalog \"%s\": "
                                         "load its module first, or use "
                                         "\"dbd\" or \"subrequest\"",
                                         name));
}

/** Reads how long positive answers are kept, and negative ones. */
static const char *set_cache(cmd_parms *cmd, void *location, const char *text,
                             const char *negative)
{
    locks_location_config_t *config = location;
    locks_cache_t *cache = &config->cache;
    const char *error =
        set_time(cmd, &cache->positive, text, 0, CACHE_MAX, "0 to 24h");

    if (error != NULL) {
        return error;
    }
    if (negative == NULL) {
        cache->negative = cache->positive < CACHE_NEGATIVE_MOST
                              ? cache->positive
                              : CACHE_NEGATIVE_MOST;
        return NULL;
    }
    return set_time(cmd, &cache->negative, negative, 0, CACHE_MAX, "0 to 24h");
}

/* ---- The URIs of LocksCatalog subrequest ---- */

/** Reads a URI. */
static const char *set_uri(cmd_parms *cmd, const char **uri, const char *text,
                           const locks_uri_form_t *form, locks_site_uri_e which)
{
    const char *error = locks_uri_check(text, form, cmd->pool);

    if (error != NULL) {
        return wrong(cmd, error);
    }
    server_of(cmd)->site_uris |= 1u << which;
    *uri = text;
    return NULL;
}

static const char *set_course_uri(cmd_parms *cmd, void *location,
                                  const char *text)
{
    static const locks_uri_form_t form = {
        .needed = {[LOCKS_URI_COURSE] = 1},
        .allowed = {[LOCKS_URI_COURSE] = 1, [LOCKS_URI_USER] = 1}};
    locks_location_config_t *config = location;

    return set_uri(cmd, &config->site.course_uri, text, &form,
                   LOCKS_SITE_COURSE);
}

static const char *set_gadget_uri(cmd_parms *cmd, void *location,
                                  const char *text)
{
    static const locks_uri_form_t form = {
        .needed = {[LOCKS_URI_COURSE] = 1, [LOCKS_URI_GADGET] = 1},
        .allowed = {[LOCKS_URI_COURSE] = 1,
                    [LOCKS_URI_GADGET] = 1,
                    [LOCKS_URI_USER] = 1}};
    locks_location_config_t *config = location;

    return set_uri(cmd, &config->site.gadget_uri, text, &form,
                   LOCKS_SITE_GADGET);
}

/** What an answer must have in it, beside a 2xx. */
#define CONTAINS "contains="

/** Reads a condition: a pointer that ends with a name. */
static apr_status_t read_condition(apr_array_header_t **steps,
                                   const char *condition, apr_pool_t *pool)
{
    const char *pointer = condition + strlen(CONTAINS);

    if (strncmp(condition, CONTAINS, strlen(CONTAINS)) != 0 ||
        locks_json_pointer_parse(steps, pointer, pool) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    return (*steps)->nelts > 0 && *APR_ARRAY_IDX(*steps, (*steps)->nelts - 1,
                                                 const char *) != '\0'
               ? APR_SUCCESS
               : APR_EINVAL;
}

static const char *set_access_uri(cmd_parms *cmd, void *location,
                                  const char *text, const char *condition)
{
    static const locks_uri_form_t form = {
        .needed = {[LOCKS_URI_COURSE] = 1},
        .allowed = {[LOCKS_URI_COURSE] = 1, [LOCKS_URI_USER] = 1}};
    locks_location_config_t *config = location;
    locks_site_t *site = &config->site;

    site->access_contains = NULL;
    site->access_contains_text = condition;
    if (condition != NULL && read_condition(&site->access_contains, condition,
                                            cmd->pool) != APR_SUCCESS) {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes a URI, and then contains= with "
                                       "a JSON pointer, for example "
                                       "contains=/permissions/Edit; not "
                                       "\"%s\"",
                                       condition));
    }
    return set_uri(cmd, &site->access_uri, text, &form, LOCKS_SITE_ACCESS);
}

/* ---- The guard ---- */

static const char *set_guard(cmd_parms *cmd, void *location, const char *mode)
{
    locks_location_config_t *config = location;

    if (ap_cstr_casecmp(mode, "off") == 0) {
        config->guard.mode = LOCKS_GUARD_OFF;
    } else if (ap_cstr_casecmp(mode, "respect") == 0) {
        config->guard.mode = LOCKS_GUARD_RESPECT;
    } else if (ap_cstr_casecmp(mode, "require") == 0) {
        config->guard.mode = LOCKS_GUARD_REQUIRE;
    } else {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes off, respect or require; not "
                                       "\"%s\"",
                                       mode));
    }
    return NULL;
}

static const char *set_guard_failure(cmd_parms *cmd, void *location,
                                     const char *way)
{
    locks_location_config_t *config = location;

    config->guard.fails_open = ap_cstr_casecmp(way, "open") == 0;
    return config->guard.fails_open || ap_cstr_casecmp(way, "closed") == 0
               ? NULL
               : wrong(cmd,
                       apr_psprintf(cmd->pool,
                                    "takes closed or open; not \"%s\"", way));
}

static const char *add_guard_method(cmd_parms *cmd, void *location,
                                    const char *method)
{
    locks_location_config_t *config = location;

    if (*method == '\0' || method[strspn(method, METHOD_LETTERS)] != '\0') {
        return wrong(cmd, apr_psprintf(cmd->pool,
                                       "takes methods in capital letters, for "
                                       "example PUT PATCH DELETE; not \"%s\"",
                                       method));
    }
    if (config->guard.methods == NULL) {
        config->guard.methods = apr_array_make(cmd->pool, 4, sizeof(method));
    }
    APR_ARRAY_PUSH(config->guard.methods, const char *) = method;
    return NULL;
}

/** Reads an expression that makes a text. */
static const char *read_expression(cmd_parms *cmd,
                                   const ap_expr_info_t **expression,
                                   const char *text, const char *expected)
{
    const char *error = NULL;

    *expression =
        ap_expr_parse_cmd(cmd, text, AP_EXPR_FLAG_STRING_RESULT, &error, NULL);
    return error == NULL ? NULL
                         : wrong(cmd, apr_pstrcat(cmd->pool, expected, ": ",
                                                  error, NULL));
}

/** What the place of gadgets in a body begins with. */
#define BODY "body:"

static const char *set_subject(cmd_parms *cmd, void *location,
                               const char *course, const char *gadget)
{
    static const char expected[] =
        "takes an expression that makes the course, and one that makes the "
        "gadget or body: with a JSON pointer, for example "
        "\"%{env:MATCH_COURSE}\" \"%{env:MATCH_GADGET}\" or "
        "\"%{env:MATCH_COURSE}\" body:/gadgets";
    locks_location_config_t *config = location;
    locks_guard_t *guard = &config->guard;
    const char *error =
        *course != '\0' ? read_expression(cmd, &guard->course, course, expected)
                        : wrong(cmd, expected);

    guard->gadget = NULL;
    guard->body = NULL;
    if (error != NULL || gadget == NULL) {
        return error;
    }
    if (strncmp(gadget, BODY, strlen(BODY)) != 0) {
        return read_expression(cmd, &guard->gadget, gadget, expected);
    }
    return locks_json_pointer_parse(&guard->body, gadget + strlen(BODY),
                                    cmd->pool) == APR_SUCCESS
               ? NULL
               : wrong(cmd, expected);
}

/* ---- What operators see ---- */

static const char *set_audit_log(cmd_parms *cmd, void *location,
                                 const char *name)
{
    locks_audit_log_t *log = apr_pcalloc(cmd->pool, sizeof(*log));

    (void)location;
    if (*name == '\0' || strcmp(name, "|") == 0) {
        return wrong(cmd, "takes a file, or \"|\" and a program, for example "
                          "logs/locks_audit.log");
    }
    log->name = name;
    server_of(cmd)->audit_log = log;
    return NULL;
}

/* ---- Users and queries ---- */

static const char *set_user_format(cmd_parms *cmd, void *location,
                                   const char *text)
{
    locks_location_config_t *config = location;

    return read_expression(cmd, &config->user_format, text,
                           "takes an expression that makes the owner's name, "
                           "for example %{REMOTE_USER}");
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
    AP_INIT_TAKE1("LocksSessionCache", set_session_cache, NULL, RSRC_CONF,
                  "how long a child keeps a session that it has read, 1s to "
                  "1h; default 0, not at all"),
    AP_INIT_TAKE1("LocksKeyPrefix", set_prefix, NULL, RSRC_CONF,
                  "the prefix of every key that is written; default locks:"),
    AP_INIT_TAKE1("LocksTTL", set_ttl, NULL, RSRC_CONF,
                  "the lease, 1s to 24h; default 5m"),
    AP_INIT_TAKE1("LocksTTLMin", set_ttl_min, NULL, RSRC_CONF,
                  "the shortest lease that clients may ask for; default "
                  "LocksTTL"),
    AP_INIT_TAKE1("LocksTTLMax", set_ttl_max, NULL, RSRC_CONF,
                  "the longest lease that clients may ask for; default "
                  "LocksTTL"),
    AP_INIT_TAKE1("LocksWaitMax", set_wait_max, NULL, RSRC_CONF,
                  "the longest that requests may wait for changes; default 0"),
    AP_INIT_TAKE1("LocksWaitInterval", set_wait_interval, NULL, RSRC_CONF,
                  "how often the store is asked for those who wait; default "
                  "250ms"),
    AP_INIT_FLAG("LocksExplain", set_explain, NULL, RSRC_CONF,
                 "on or off: whether a refused user is told who holds the "
                 "gadget; default off"),
    AP_INIT_TAKE1("LocksStoreTimeout", set_store_timeout, NULL, RSRC_CONF,
                  "the longest that one store operation may take; default "
                  "250ms"),
    AP_INIT_TAKE1("LocksClockSkew", set_skew, NULL, RSRC_CONF,
                  "how far hosts' clocks may differ; default 0"),
    AP_INIT_TAKE1("LocksMaxPerCourse", set_max_per_course, NULL, RSRC_CONF,
                  "the most locks in one course; default 1000"),
    AP_INIT_TAKE1("LocksCatalog", set_catalog, NULL, RSRC_CONF | ACCESS_CONF,
                  "who knows courses, gadgets and permissions; default dbd"),
    AP_INIT_TAKE12("LocksCatalogCache", set_cache, NULL,
                   RSRC_CONF | ACCESS_CONF,
                   "how long the catalog's positive and negative answers are "
                   "kept; default 0"),
    AP_INIT_TAKE1("LocksCourseURI", set_course_uri, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "where the site tells of a course; for LocksCatalog "
                  "subrequest"),
    AP_INIT_TAKE1("LocksGadgetURI", set_gadget_uri, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "where the site tells of a gadget; for LocksCatalog "
                  "subrequest"),
    AP_INIT_TAKE12("LocksAccessURI", set_access_uri, NULL,
                   RSRC_CONF | ACCESS_CONF,
                   "where the site tells of a permission, and what the answer "
                   "must contain; for LocksCatalog subrequest"),
    AP_INIT_TAKE1("LocksGuard", set_guard, NULL, RSRC_CONF | ACCESS_CONF,
                  "what writes need: off, respect or require; default off"),
    AP_INIT_TAKE12("LocksSubject", set_subject, NULL, RSRC_CONF | ACCESS_CONF,
                   "the course, and the gadget, that a guarded URL is of"),
    AP_INIT_ITERATE("LocksGuardMethods", add_guard_method, NULL,
                    RSRC_CONF | ACCESS_CONF,
                    "the methods that are guarded; default all but GET, HEAD, "
                    "OPTIONS and TRACE"),
    AP_INIT_TAKE1("LocksGuardFailure", set_guard_failure, NULL,
                  RSRC_CONF | ACCESS_CONF,
                  "closed or open: whether writes pass if nobody can tell; "
                  "default closed"),
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
    AP_INIT_TAKE1("LocksAuditLog", set_audit_log, NULL, RSRC_CONF,
                  "a file, or | and a program, that gets a line for each lock "
                  "that an operator breaks"),
    {.name = NULL},
};
