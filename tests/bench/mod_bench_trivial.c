/* SPDX-License-Identifier: Apache-2.0 */
/* The least that a handler of httpd can do: some 150 bytes of JSON, about
 * those of one lock, for every URL below /trivial. As with mod_locks, httpd
 * looks for no files there. */
#include <httpd.h>

#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>

#include <string.h>

#define BASE "/trivial"

static const char answer[] =
    "{\"id\": \"1795454234519660495\", \"type\": \"gadget\","
    " \"subject\": {\"courseId\": \"algebra\", \"gadgetId\": \"quiz\"},"
    " \"ownerId\": \"42\", \"expiresIn\": 299999}";

static int is_ours(const request_rec *r)
{
    return strncmp(r->uri, BASE, sizeof(BASE) - 1) == 0;
}

/** A file name, since other modules take for granted that there is one. */
static int translate_name(request_rec *r)
{
    if (!is_ours(r)) {
        return DECLINED;
    }
    r->filename = r->uri;
    return OK;
}

static int map_to_storage(request_rec *r)
{
    return is_ours(r) ? OK : DECLINED;
}

static int handler(request_rec *r)
{
    int status;

    if (!is_ours(r)) {
        return DECLINED;
    }
    status = ap_discard_request_body(r);
    if (status != OK) {
        return status;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, sizeof(answer) - 1);
    ap_rwrite(answer, sizeof(answer) - 1, r);
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_FIRST);
}

AP_DECLARE_MODULE(bench_trivial) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
};
