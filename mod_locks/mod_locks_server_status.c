/* SPDX-License-Identifier: Apache-2.0 */
/* A section of mod_status's page. It asks no store: server-status is to work
 * when all else hangs. */
#include "mod_locks_status.h"

#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <mod_status.h>

/** How many servers of stores with locks are in trouble, as was noticed last.
 */
static int count_troubled(const server_rec *server)
{
    const apr_array_header_t *stores =
        locks_server_config(server)->watched_stores;
    int count = 0;
    int i;
    int s;

    for (i = 0; i < stores->nelts; i++) {
        const locks_watched_store_t *watched =
            APR_ARRAY_IDX(stores, i, const locks_watched_store_t *);

        for (s = 0; watched->servers != NULL && s < watched->store->servers;
             s++) {
            count += (atomic_load(&watched->servers[s]->trouble) &
                      (LOCKS_TROUBLE_UNREACHABLE | LOCKS_TROUBLE_NO_CAS)) != 0;
        }
    }
    return count;
}

static void send_rows(request_rec *r, const locks_counts_t *counts)
{
    int i;

    ap_rputs("<table border=\"0\"><tr><th>Locks</th><th>Count</th></tr>\n", r);
    for (i = 0; i < LOCKS_EVENTS; i++) {
        ap_rprintf(r, "<tr><td>%s</td><td>%" APR_UINT64_T_FMT "</td></tr>\n",
                   locks_event_names[i], counts->events[i]);
    }
    ap_rputs("</table>\n", r);
}

static int add_section(request_rec *r, int flags)
{
    locks_histogram_t requests;
    locks_counts_t counts;
    int troubled = count_troubled(r->server);

    locks_counters_read(locks_counters(r->server), &counts);
    if (flags & AP_STATUS_SHORT) {
        ap_rprintf(r, "LocksServersInTrouble: %d\n", troubled);
        locks_auto_counters(r, &counts);
        return OK;
    }
    requests = locks_report_requests(&counts);
    ap_rprintf(r,
               "<hr />\n<h2>Edit locks (mod_locks " LOCKS_VERSION ")</h2>\n"
               "<p>%d servers of the store in trouble. %" APR_UINT64_T_FMT
               " requests asked it; half of them took %.2f ms at most, 95 of a "
               "hundred %.2f ms.</p>\n",
               troubled, locks_histogram_count(&requests),
               locks_histogram_quantile(&requests, 0.5) / 1000,
               locks_histogram_quantile(&requests, 0.95) / 1000);
    if (!(flags & AP_STATUS_NOTABLE)) {
        send_rows(r, &counts);
    }
    return OK;
}

void locks_server_status_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, add_section, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
