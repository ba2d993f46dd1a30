/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations: made, merged, and their defaults. */
#include "mod_locks.h"

#include <ap_provider.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

#include <string.h>

APLOG_USE_MODULE(locks);

#define DEFAULT_BASE "/locks"
#define DEFAULT_STORE "memcached:127.0.0.1:11211"
#define DEFAULT_SESSION_KEY "session:%s"
#define DEFAULT_SESSION_SOURCE "record"
#define DEFAULT_KEY_PREFIX "locks:"
#define DEFAULT_TTL apr_time_from_sec(5 * 60)
#define DEFAULT_WAIT_INTERVAL apr_time_from_msec(250)
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

/* ---- Configurations ---- */

void *locks_create_server_config(apr_pool_t *pool, server_rec *server)
{
    locks_server_config_t *config = apr_pcalloc(pool, sizeof(*config));

    (void)server;
    config->session_cache = LOCKS_UNSET;
    config->store_timeout = LOCKS_UNSET;
    config->wait_max = LOCKS_UNSET;
    config->wait_interval = LOCKS_UNSET;
    config->explains = LOCKS_UNSET;
    config->rules.ttl = LOCKS_UNSET;
    config->rules.ttl_min = LOCKS_UNSET;
    config->rules.ttl_max = LOCKS_UNSET;
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
    INHERIT(session_cache, LOCKS_UNSET)
    INHERIT(course_query, NULL)
    INHERIT(gadget_query, NULL)
    INHERIT(access_query, NULL)
    INHERIT(store_timeout, LOCKS_UNSET)
    INHERIT(rules.prefix, NULL)
    INHERIT(wait_max, LOCKS_UNSET)
    INHERIT(wait_interval, LOCKS_UNSET)
    INHERIT(explains, LOCKS_UNSET)
    INHERIT(rules.ttl, LOCKS_UNSET)
    INHERIT(rules.ttl_min, LOCKS_UNSET)
    INHERIT(rules.ttl_max, LOCKS_UNSET)
    INHERIT(rules.skew, LOCKS_UNSET)
    INHERIT(rules.max_per_course, LOCKS_UNSET)
    INHERIT(audit_log, NULL)
    merged->site_uris |= base->site_uris;
    return merged;
}

void *locks_create_location_config(apr_pool_t *pool, char *path)
{
    locks_location_config_t *config = apr_pcalloc(pool, sizeof(*config));

    (void)path;
    config->cache.positive = LOCKS_UNSET;
    config->guard.mode = LOCKS_GUARD_UNSET;
    config->guard.fails_open = LOCKS_UNSET;
    return config;
}

void *locks_merge_location_config(apr_pool_t *pool, void *base_config,
                                  void *added_config)
{
    const locks_location_config_t *base = base_config;
    locks_location_config_t *merged =
        apr_pmemdup(pool, added_config, sizeof(*merged));

    INHERIT(base, NULL)
    INHERIT(catalog, NULL)
    INHERIT(catalog_name, NULL)
    INHERIT(user_format, NULL)
    INHERIT(site.course_uri, NULL)
    INHERIT(site.gadget_uri, NULL)
    if (merged->site.access_uri == NULL) {
        merged->site.access_uri = base->site.access_uri;
        merged->site.access_contains = base->site.access_contains;
        merged->site.access_contains_text = base->site.access_contains_text;
    }
    INHERIT(guard.mode, LOCKS_GUARD_UNSET)
    INHERIT(guard.methods, NULL)
    INHERIT(guard.fails_open, LOCKS_UNSET)
    if (merged->guard.course == NULL) {
        merged->guard.course = base->guard.course;
        merged->guard.gadget = base->guard.gadget;
        merged->guard.body = base->guard.body;
    }
    if (merged->cache.positive == LOCKS_UNSET) {
        merged->cache = base->cache;
    }
    return merged;
}

#define DEFAULT(member, unset, value) \
    if (config->member == (unset)) {  \
        config->member = (value);     \
    }

void locks_default_server_config(locks_server_config_t *config,
                                 apr_pool_t *pool)
{
    config->has_default_store = config->store_address == NULL;
    DEFAULT(store_address, NULL, DEFAULT_STORE)
    DEFAULT(session_key_format, NULL, DEFAULT_SESSION_KEY)
    DEFAULT(session_source, NULL, DEFAULT_SESSION_SOURCE)
    DEFAULT(session_cache, LOCKS_UNSET, 0)
    DEFAULT(course_query, NULL, DEFAULT_COURSE_QUERY)
    DEFAULT(gadget_query, NULL, DEFAULT_GADGET_QUERY)
    DEFAULT(access_query, NULL, DEFAULT_ACCESS_QUERY)
    DEFAULT(store_timeout, LOCKS_UNSET, LOCKS_DEFAULT_STORE_TIMEOUT)
    DEFAULT(rules.prefix, NULL, DEFAULT_KEY_PREFIX)
    DEFAULT(wait_max, LOCKS_UNSET, 0)
    DEFAULT(wait_interval, LOCKS_UNSET, DEFAULT_WAIT_INTERVAL)
    DEFAULT(explains, LOCKS_UNSET, 0)
    DEFAULT(rules.ttl, LOCKS_UNSET, DEFAULT_TTL)
    DEFAULT(rules.ttl_min, LOCKS_UNSET, config->rules.ttl)
    DEFAULT(rules.ttl_max, LOCKS_UNSET, config->rules.ttl)
    DEFAULT(rules.skew, LOCKS_UNSET, 0)
    DEFAULT(rules.max_per_course, LOCKS_UNSET, DEFAULT_MAX_PER_COURSE)
    config->queries_digest = locks_digest(
        apr_pstrcat(pool, config->course_query, "\n", config->gadget_query,
                    "\n", config->access_query, NULL),
        pool);
    config->sessions =
        ap_lookup_provider(LOCKS_SESSION_PROVIDER_GROUP, config->session_source,
                           LOCKS_SESSION_PROVIDER_VERSION);
}

static const locks_location_config_t *location_config(const request_rec *r)
{
    const locks_request_notes_t *notes =
        ap_get_module_config(r->request_config, &locks_module);

    return notes != NULL && notes->guarded_location != NULL
               ? notes->guarded_location
               : ap_get_module_config(r->per_dir_config, &locks_module);
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

const char *locks_catalog_name(const request_rec *r)
{
    const char *name = location_config(r)->catalog_name;

    return name != NULL ? name : DEFAULT_CATALOG;
}

const locks_site_t *locks_site(const request_rec *r)
{
    return &location_config(r)->site;
}

const locks_cache_t *locks_cache(const request_rec *r)
{
    static const locks_cache_t off = {0, 0};
    const locks_cache_t *cache = &location_config(r)->cache;

    return cache->positive != LOCKS_UNSET ? cache : &off;
}

const locks_guard_t *locks_guard_of(const request_rec *r)
{
    return &location_config(r)->guard;
}

const locks_server_config_t *locks_server_config(const server_rec *server)
{
    return ap_get_module_config(server->module_config, &locks_module);
}
