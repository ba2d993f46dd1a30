/* SPDX-License-Identifier: Apache-2.0 */
/* The module record, the hooks and the built-in providers; nothing else. */
#include "mod_locks.h"

#include <ap_provider.h>
#include <http_protocol.h>
#include <http_request.h>

#include "locks_memcached.h"

static void register_hooks(apr_pool_t *pool)
{
    static const char *const proxying[] = {"mod_proxy.c", NULL};

    ap_register_provider(pool, LOCKS_STORE_PROVIDER_GROUP, "memcached",
                         LOCKS_STORE_PROVIDER_VERSION,
                         &locks_memcached_provider);
    ap_register_provider(pool, LOCKS_SESSION_PROVIDER_GROUP, "record",
                         LOCKS_SESSION_PROVIDER_VERSION,
                         &locks_session_record_source);
    ap_register_provider(pool, LOCKS_CATALOG_PROVIDER_GROUP, "dbd",
                         LOCKS_CATALOG_PROVIDER_VERSION, &locks_dbd_catalog);
    ap_register_provider(pool, LOCKS_CATALOG_PROVIDER_GROUP,
                         LOCKS_SITE_CATALOG_NAME,
                         LOCKS_CATALOG_PROVIDER_VERSION, &locks_site_catalog);

    locks_dbd_register_hooks();
    ap_hook_check_config(locks_site_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_open_logs(locks_audit_open, NULL, NULL, APR_HOOK_MIDDLE);
    /* What is watched are the stores that were made, in shared memory. */
    ap_hook_post_config(locks_stores_configure, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(locks_shared_configure, NULL, NULL,
                        APR_HOOK_MIDDLE + 1);
    ap_hook_post_config(locks_watched_configure, NULL, NULL,
                        APR_HOOK_MIDDLE + 2);
    ap_hook_child_init(locks_stores_start, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(locks_memos_start, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(locks_monitor_start, NULL, NULL, APR_HOOK_MIDDLE + 1);
    ap_hook_child_init(locks_wait_start, NULL, NULL, APR_HOOK_MIDDLE + 1);

    /* Recognising comes before anything may refuse, and once more when the
     * configuration is final. Translating comes after every rule that the
     * site has for the URL, so that redirects work, and before core, which
     * would look for a file; mapping comes before mod_proxy's. */
    ap_hook_translate_name(locks_location_recognise, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    ap_hook_post_perdir_config(locks_location_recognise, NULL, NULL,
                               APR_HOOK_FIRST);
    ap_hook_translate_name(locks_location_translate, NULL, NULL, APR_HOOK_LAST);
    ap_hook_map_to_storage(locks_location_map, NULL, proxying, APR_HOOK_FIRST);
    ap_hook_insert_error_filter(locks_location_insert_error_filter, NULL, NULL,
                                APR_HOOK_LAST);
    locks_location_register_filter();
    locks_subrequest_register_filter();
    locks_replay_register_filter();

    locks_auth_register(pool);
    ap_hook_post_perdir_config(locks_guard_remember, NULL, NULL,
                               APR_HOOK_MIDDLE);
    ap_hook_handler(locks_guard_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(locks_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(locks_status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    locks_server_status_register();
}

AP_DECLARE_MODULE(locks) = {
    STANDARD20_MODULE_STUFF,
    locks_create_location_config,
    locks_merge_location_config,
    locks_create_server_config,
    locks_merge_server_config,
    locks_directives,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
