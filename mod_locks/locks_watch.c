/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_watch.h"

/** Notes which of the looked-at kinds of trouble a server is in. */
static void note_trouble(locks_watched_server_t *server, apr_uint32_t looked_at,
                         apr_uint32_t found, locks_watch_news_t *news)
{
    apr_uint32_t before = atomic_load(&server->trouble);

    while (!atomic_compare_exchange_weak(&server->trouble, &before,
                                         (before & ~looked_at) | found)) {
    }
    news->begun = found & ~before;
    news->ended = before & looked_at & ~found;
}

/** Is this look the one that made the first epoch? Others may have noted it
 *  before. */
static int is_fresh(locks_watched_server_t *server, const locks_epoch_t *epoch)
{
    apr_uint64_t first = 0;

    if (atomic_compare_exchange_strong(&server->first, &first, epoch->number)) {
        first = epoch->number;
    }
    return epoch->is_new && first == epoch->number;
}

/** Notes an epoch; whoever is first to see another one than before tells. */
static void note_epoch(locks_watched_server_t *server,
                       const locks_epoch_t *epoch, apr_time_t now,
                       locks_watch_news_t *news)
{
    apr_uint64_t before = atomic_load(&server->epoch);

    news->is_fresh = is_fresh(server, epoch);
    if (before == epoch->number ||
        !atomic_compare_exchange_strong(&server->epoch, &before,
                                        epoch->number)) {
        return;
    }
    atomic_store(&server->began, epoch->began);
    if (before == 0) {
        return;
    }
    atomic_store(&server->lost, now);
    atomic_fetch_add(&server->losses, 1);
    /* It runs with other settings, maybe. */
    atomic_store(&server->examined, 0);
    news->has_lost_data = 1;
}

locks_watch_news_t locks_watch_epoch(locks_watched_server_t *server,
                                     const locks_epoch_t *epoch, apr_time_t now)
{
    locks_watch_news_t news = {0};

    if (epoch->status != APR_SUCCESS) {
        note_trouble(server, LOCKS_TROUBLE_UNREACHABLE,
                     LOCKS_TROUBLE_UNREACHABLE, &news);
        return news;
    }
    /* A look that made the record saw no CAS value, and none missing. */
    note_trouble(server,
                 LOCKS_TROUBLE_UNREACHABLE |
                     (epoch->is_new ? 0 : LOCKS_TROUBLE_NO_CAS),
                 epoch->lacks_cas ? LOCKS_TROUBLE_NO_CAS : 0, &news);
    note_epoch(server, epoch, now, &news);
    return news;
}

locks_watch_news_t locks_watch_examined(locks_watched_server_t *server,
                                        const locks_store_server_t *examined)
{
    locks_watch_news_t news = {0};
    apr_uint32_t found = 0;
    apr_uint64_t before;

    if (examined->status != LOCKS_STORE_DONE) {
        note_trouble(server, LOCKS_TROUBLE_UNREACHABLE,
                     LOCKS_TROUBLE_UNREACHABLE, &news);
        return news;
    }
    before = atomic_exchange(&server->examined, examined->evictions + 1);
    found |= examined->gives_cas ? 0 : LOCKS_TROUBLE_NO_CAS;
    found |= examined->may_evict ? LOCKS_TROUBLE_MAY_EVICT : 0;
    found |= before > 0 && examined->evictions + 1 > before
                 ? LOCKS_TROUBLE_EVICTED
                 : 0;
    /* Evictions are not looked at for their end: what was dropped is gone. */
    note_trouble(
        server,
        LOCKS_TROUBLE_NO_CAS | LOCKS_TROUBLE_MAY_EVICT |
            (atomic_load(&server->has_epoch) ? 0 : LOCKS_TROUBLE_UNREACHABLE),
        found, &news);
    return news;
}
