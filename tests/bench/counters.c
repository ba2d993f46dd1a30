/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to count one request, beside one round trip of a small
 * message over loopback. Both are measured in turns in one run, and the medians
 * of all turns printed: `make bench-counters`.
 *
 * A round trip here is the least that a store can take: two threads that
 * answer each other, without a memcached between. */
#include "locks_counters.h"

#include <apr_general.h>
#include <apr_network_io.h>
#include <apr_thread_proc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TURNS 15
/** Requests that a thread counts in a turn, and round trips in one. */
#define REQUESTS 200000
#define ROUND_TRIPS 2000
#define THREADS_MAX 2
/** About what a fetch asks for. */
#define MESSAGE_LENGTH 64

typedef struct bench_t {
    apr_pool_t *pool;
    locks_counters_t *counters;
    apr_socket_t *here;
    apr_socket_t *there;
    /** How many threads have begun, and how many are to. */
    _Atomic int begun;
    int threads;
} bench_t;

static double nanoseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- Counting ---- */

/** What an ordinary acquire counts: itself, its events, its duration, and
 *  those of its four round trips. */
static void count_request(locks_counters_t *counters, apr_time_t began)
{
    int i;

    locks_counters_note_minute(counters, began);
    locks_count_request(counters, LOCKS_ENDPOINT_ACQUIRE, LOCKS_OUTCOME_DONE);
    locks_count_event(counters, LOCKS_EVENT_GRANT, 1);
    locks_count_event(counters, LOCKS_EVENT_MOVE, 1);
    locks_count_event(counters, LOCKS_EVENT_CONFLICT, 1);
    for (i = 0; i < 4; i++) {
        locks_count_duration(counters, LOCKS_TIMED_ROUND_TRIP, 180 + 40 * i);
    }
    locks_count_duration(counters, LOCKS_TIMED_ACQUIRE, 900);
}

static void *APR_THREAD_FUNC count(apr_thread_t *thread, void *data)
{
    bench_t *bench = data;
    apr_time_t began = apr_time_now();
    int i;

    (void)thread;
    bench->begun++;
    while (bench->begun < bench->threads) {
        /* So that all count at the same time. */
    }
    for (i = 0; i < REQUESTS; i++) {
        count_request(bench->counters, began);
    }
    return NULL;
}

static void start(apr_thread_t **thread, apr_thread_start_t run, bench_t *bench)
{
    if (apr_thread_create(thread, NULL, run, bench, bench->pool) !=
        APR_SUCCESS) {
        die("no thread");
    }
}

/** @return nanoseconds that a request takes a thread */
static double time_counting(bench_t *bench, int threads)
{
    apr_thread_t *all[THREADS_MAX];
    apr_status_t status;
    double began;
    int i;

    bench->begun = 0;
    bench->threads = threads;
    began = nanoseconds();
    for (i = 0; i < threads; i++) {
        start(&all[i], count, bench);
    }
    for (i = 0; i < threads; i++) {
        (void)apr_thread_join(&status, all[i]);
    }
    return (nanoseconds() - began) / REQUESTS;
}

/* ---- Round trips ---- */

static void connect_both(bench_t *bench)
{
    apr_socket_t *listening;
    apr_sockaddr_t *address;
    apr_status_t rv;

    rv = apr_sockaddr_info_get(&address, "127.0.0.1", APR_INET, 0, 0,
                               bench->pool);
    rv = rv ? rv
            : apr_socket_create(&listening, APR_INET, SOCK_STREAM,
                                APR_PROTO_TCP, bench->pool);
    rv = rv ? rv : apr_socket_bind(listening, address);
    rv = rv ? rv : apr_socket_listen(listening, 1);
    rv = rv ? rv : apr_socket_addr_get(&address, APR_LOCAL, listening);
    rv = rv ? rv
            : apr_socket_create(&bench->here, APR_INET, SOCK_STREAM,
                                APR_PROTO_TCP, bench->pool);
    rv = rv ? rv : apr_socket_connect(bench->here, address);
    rv = rv ? rv : apr_socket_accept(&bench->there, listening, bench->pool);
    rv = rv ? rv : apr_socket_opt_set(bench->here, APR_TCP_NODELAY, 1);
    rv = rv ? rv : apr_socket_opt_set(bench->there, APR_TCP_NODELAY, 1);
    if (rv != APR_SUCCESS) {
        die("no connection over loopback");
    }
}

static void pass(apr_socket_t *socket, char *message,
                 apr_status_t (*how)(apr_socket_t *, char *, apr_size_t *))
{
    apr_size_t done = 0;

    while (done < MESSAGE_LENGTH) {
        apr_size_t length = MESSAGE_LENGTH - done;

        if (how(socket, message + done, &length) != APR_SUCCESS) {
            die("the connection broke");
        }
        done += length;
    }
}

static apr_status_t send_some(apr_socket_t *socket, char *message,
                              apr_size_t *length)
{
    return apr_socket_send(socket, message, length);
}

static void *APR_THREAD_FUNC answer(apr_thread_t *thread, void *data)
{
    bench_t *bench = data;
    char message[MESSAGE_LENGTH];
    int i;

    (void)thread;
    for (i = 0; i < ROUND_TRIPS; i++) {
        pass(bench->there, message, apr_socket_recv);
        pass(bench->there, message, send_some);
    }
    return NULL;
}

/** @return nanoseconds that a round trip takes */
static double time_round_trips(bench_t *bench)
{
    char message[MESSAGE_LENGTH] = {0};
    apr_thread_t *thread;
    apr_status_t status;
    double began;
    int i;

    start(&thread, answer, bench);
    began = nanoseconds();
    for (i = 0; i < ROUND_TRIPS; i++) {
        pass(bench->here, message, send_some);
        pass(bench->here, message, apr_socket_recv);
    }
    began = nanoseconds() - began;
    (void)apr_thread_join(&status, thread);
    return began / ROUND_TRIPS;
}

/* ---- Turns ---- */

static int compare(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;

    return (difference > 0) - (difference < 0);
}

static double median(double *of)
{
    qsort(of, TURNS, sizeof(*of), compare);
    return of[TURNS / 2];
}

static void print(const char *what, double took, double round_trip)
{
    printf("%-32s %9.0f ns  %7.4f of a round trip\n", what, took,
           took / round_trip);
}

int main(void)
{
    double trips[TURNS];
    double alone[TURNS];
    double both[TURNS];
    bench_t bench = {0};
    double trip;
    int i;

    apr_initialize();
    apr_pool_create(&bench.pool, NULL);
    bench.counters =
        locks_counters_in(apr_pcalloc(bench.pool, locks_counters_size()));
    connect_both(&bench);
    for (i = 0; i < TURNS; i++) {
        trips[i] = time_round_trips(&bench);
        alone[i] = time_counting(&bench, 1);
        both[i] = time_counting(&bench, 2);
    }
    trip = median(trips);
    printf("medians of %d turns\n", TURNS);
    print("a round trip over loopback", trip, trip);
    print("counting a request, 1 thread", median(alone), trip);
    print("counting a request, 2 threads", median(both), trip);
    apr_pool_destroy(bench.pool);
    apr_terminate();
    return EXIT_SUCCESS;
}
