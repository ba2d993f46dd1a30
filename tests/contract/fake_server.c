/* SPDX-License-Identifier: Apache-2.0 */
#include "servers.h"

#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apr_time.h>
#include <check.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** The most connections of one fake. */
#define CONNECTIONS 64

/** A listener with a queue of one, and more connections than fit in. */
#define DEAF_FDS 5

struct fake_t {
    const fake_step_t *steps;
    int count;
    int listener;
    const char *address;
    apr_thread_t *acceptor;
    apr_thread_t *threads[CONNECTIONS];
    int fds[CONNECTIONS];
    apr_pool_t *pool;
    _Atomic int requests;
    _Atomic int connections;
};

typedef struct connection_t {
    fake_t *fake;
    int fd;
} connection_t;

/** Reads a line without its end; 0 at the end of the connection. */
static int read_line(int fd, char *line, int size)
{
    int length = 0;
    char c;

    while (recv(fd, &c, 1, 0) == 1) {
        if (c == '\n') {
            line[length] = '\0';
            return 1;
        }
        if (c != '\r' && length < size - 1) {
            line[length++] = c;
        }
    }
    return 0;
}

/** Reads the value that follows a line of add or cas. */
static int read_value(int fd, const char *line)
{
    unsigned long left;
    char c;

    if (sscanf(line, "%*s %*s %*u %*u %lu", &left) != 1) {
        return 1;
    }
    for (left += 2; left > 0; left--) {
        if (recv(fd, &c, 1, 0) != 1) {
            return 0;
        }
    }
    return 1;
}

static int send_all(int fd, const fake_step_t *step)
{
    apr_size_t length = strlen(step->answer);
    apr_size_t part = step->trickle_ms > 0 ? 1 : length;
    apr_size_t at;

    for (at = 0; at < length; at += part) {
        if (send(fd, step->answer + at, part, MSG_NOSIGNAL) < 0) {
            return 0;
        }
        apr_sleep(step->trickle_ms * 1000);
    }
    return 1;
}

static int answer(int fd, const fake_step_t *step)
{
    int is_sent = send_all(fd, step);

    while (is_sent && step->endless) {
        is_sent = send_all(fd, step);
    }
    return is_sent;
}

static void serve(connection_t *connection)
{
    fake_t *fake = connection->fake;
    static const char quit[] = "quit";
    char line[300];

    while (read_line(connection->fd, line, sizeof(line)) &&
           strcmp(line, quit) != 0) {
        const fake_step_t *step;
        int number;

        if (strncmp(line, "get", 3) != 0 && !read_value(connection->fd, line)) {
            break;
        }
        number = atomic_fetch_add(&fake->requests, 1);
        step = &fake->steps[number < fake->count ? number : fake->count - 1];
        apr_sleep(step->delay_ms * 1000);
        if (step->answer != NULL && !answer(connection->fd, step)) {
            break;
        }
        if (step->close) {
            break;
        }
    }
    (void)shutdown(connection->fd, SHUT_RDWR);
}

static void *APR_THREAD_FUNC run_serve(apr_thread_t *thread, void *data)
{
    (void)thread;
    serve(data);
    return NULL;
}

static void *APR_THREAD_FUNC accept_all(apr_thread_t *thread, void *data)
{
    fake_t *fake = data;
    int fd;

    while ((fd = accept(fake->listener, NULL, NULL)) >= 0) {
        int number = atomic_fetch_add(&fake->connections, 1);
        connection_t *connection = apr_palloc(fake->pool, sizeof(*connection));

        ck_assert_int_lt(number, CONNECTIONS);
        connection->fake = fake;
        connection->fd = fd;
        fake->fds[number] = fd;
        ck_assert_int_eq(apr_thread_create(&fake->threads[number], NULL,
                                           run_serve, connection, fake->pool),
                         APR_SUCCESS);
    }
    (void)thread;
    return NULL;
}

static apr_status_t stop(void *data)
{
    fake_t *fake = data;
    apr_status_t rv;
    int i;

    (void)shutdown(fake->listener, SHUT_RDWR);
    (void)apr_thread_join(&rv, fake->acceptor);
    (void)close(fake->listener);
    for (i = 0; i < atomic_load(&fake->connections); i++) {
        (void)shutdown(fake->fds[i], SHUT_RDWR);
        (void)apr_thread_join(&rv, fake->threads[i]);
        (void)close(fake->fds[i]);
    }
    return APR_SUCCESS;
}

static apr_status_t close_all(void *data)
{
    const int *fds = data;
    int i;

    for (i = 0; i < DEAF_FDS; i++) {
        (void)close(fds[i]);
    }
    return APR_SUCCESS;
}

/** Nobody accepts what comes to the listener, and its queue is filled. */
const char *deaf_address(apr_pool_t *pool)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t length = sizeof(address);
    int *fds = apr_palloc(pool, DEAF_FDS * sizeof(*fds));
    int i;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (i = 0; i < DEAF_FDS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        ck_assert_int_ge(fds[i], 0);
        if (i == 0) {
            ck_assert_int_eq(bind(fds[i], any, length), 0);
            ck_assert_int_eq(listen(fds[i], 0), 0);
            ck_assert_int_eq(getsockname(fds[i], any, &length), 0);
        } else {
            (void)connect(fds[i], any, length);
        }
    }
    apr_pool_cleanup_register(pool, fds, close_all, apr_pool_cleanup_null);
    return apr_psprintf(pool, "127.0.0.1:%u", ntohs(address.sin_port));
}

fake_t *fake_start(apr_pool_t *parent, const fake_step_t *steps, int count)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    apr_allocator_t *allocator;
    apr_pool_t *pool;
    fake_t *fake;

    /* A pool of its own: the acceptor allocates while the test does. */
    ck_assert_int_eq(apr_allocator_create(&allocator), APR_SUCCESS);
    apr_pool_create_ex(&pool, parent, NULL, allocator);
    apr_allocator_owner_set(allocator, pool);
    fake = apr_pcalloc(pool, sizeof(*fake));
    fake->pool = pool;
    /* A copy: a test may end before the last answer is out. */
    fake->steps = apr_pmemdup(pool, steps, (apr_size_t)count * sizeof(*steps));
    fake->count = count;
    fake->listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fake->listener, (struct sockaddr *)&address, length),
                     0);
    ck_assert_int_eq(listen(fake->listener, 16), 0);
    ck_assert_int_eq(
        getsockname(fake->listener, (struct sockaddr *)&address, &length), 0);
    fake->address = apr_psprintf(pool, "127.0.0.1:%u", ntohs(address.sin_port));
    ck_assert_int_eq(
        apr_thread_create(&fake->acceptor, NULL, accept_all, fake, pool),
        APR_SUCCESS);
    apr_pool_pre_cleanup_register(pool, fake, stop);
    return fake;
}

const char *fake_address(const fake_t *fake)
{
    return fake->address;
}

int fake_requests(fake_t *fake)
{
    return atomic_load(&fake->requests);
}

int fake_connections(fake_t *fake)
{
    return atomic_load(&fake->connections);
}
