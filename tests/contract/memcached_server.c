/* SPDX-License-Identifier: Apache-2.0 */
#include "servers.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_SECONDS 10

/** Ends the program where a server cannot be had: also outside tests, where
 *  Check's assertions do not work. */
static void must(int condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static struct sockaddr_in loopback(apr_uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

apr_uint16_t free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(fd >= 0, "no socket or process to be had");
    must(bind(fd, (struct sockaddr *)&address, length) == 0, "no port is free");
    must(getsockname(fd, (struct sockaddr *)&address, &length) == 0,
         "no port is free");
    close(fd);
    return ntohs(address.sin_port);
}

static int answers(const server_t *server)
{
    struct sockaddr_in internet = loopback(server->port);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int fd = socket(server->path != NULL ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    int rc;

    if (server->path != NULL) {
        apr_cpystrn(local.sun_path, server->path, sizeof(local.sun_path));
        rc = connect(fd, (struct sockaddr *)&local, sizeof(local));
    } else {
        rc = connect(fd, (struct sockaddr *)&internet, sizeof(internet));
    }
    close(fd);
    return rc == 0;
}

/** In the child: becomes memcached. */
static void become_memcached(const server_t *server)
{
    apr_array_header_t *words =
        apr_array_make(server->pool, 16, sizeof(const char *));
    const char *const *option = server->options;
    const char *path = getenv("PATH");

    APR_ARRAY_PUSH(words, const char *) = "memcached";
    if (server->path != NULL) {
        APR_ARRAY_PUSH(words, const char *) = "-s";
        APR_ARRAY_PUSH(words, const char *) = server->path;
    } else {
        APR_ARRAY_PUSH(words, const char *) = "-l";
        APR_ARRAY_PUSH(words, const char *) = "127.0.0.1";
        APR_ARRAY_PUSH(words, const char *) = "-U";
        APR_ARRAY_PUSH(words, const char *) = "0";
        APR_ARRAY_PUSH(words, const char *) = "-p";
        APR_ARRAY_PUSH(words, const char *) =
            apr_itoa(server->pool, server->port);
    }
    if (geteuid() == 0) {
        APR_ARRAY_PUSH(words, const char *) = "-u";
        APR_ARRAY_PUSH(words, const char *) = "root";
    }
    for (; option != NULL && *option != NULL; option++) {
        APR_ARRAY_PUSH(words, const char *) = *option;
    }
    APR_ARRAY_PUSH(words, const char *) = NULL;
    setenv("PATH",
           apr_pstrcat(server->pool, path != NULL ? path : "",
                       ":/usr/bin:/usr/sbin:/usr/local/bin", NULL),
           1);
    execvp("memcached", (char *const *)words->elts);
    _exit(127);
}

static void launch(server_t *server)
{
    int tries = START_SECONDS * 100;

    server->pid = (int)fork();
    must(server->pid >= 0, "no socket or process to be had");
    if (server->pid == 0) {
        become_memcached(server);
    }
    while (!answers(server)) {
        int status;

        must(--tries > 0 && waitpid(server->pid, &status, WNOHANG) == 0,
             "memcached did not start; is it installed?");
        apr_sleep(10000);
    }
}

void server_stop(server_t *server)
{
    if (server->pid > 0) {
        int status;

        (void)kill(server->pid, SIGKILL);
        while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR) {
        }
        server->pid = 0;
    }
}

void server_restart(server_t *server)
{
    server_stop(server);
    launch(server);
}

void server_hang(server_t *server)
{
    int status;

    must(kill(server->pid, SIGSTOP) == 0, "memcached is gone");
    must(waitpid(server->pid, &status, WUNTRACED) == server->pid,
         "memcached is gone");
}

void server_continue(server_t *server)
{
    must(kill(server->pid, SIGCONT) == 0, "memcached is gone");
}

static apr_status_t clean_up(void *data)
{
    server_t *server = data;

    server_stop(server);
    if (server->path != NULL) {
        char *folder = apr_pstrdup(server->pool, server->path);

        *strrchr(folder, '/') = '\0';
        (void)unlink(server->path);
        (void)rmdir(folder);
    }
    return APR_SUCCESS;
}

static server_t *make(apr_pool_t *pool)
{
    server_t *server = apr_pcalloc(pool, sizeof(*server));

    server->pool = pool;
    apr_pool_cleanup_register(pool, server, clean_up, apr_pool_cleanup_null);
    return server;
}

server_t *server_start(apr_pool_t *pool, const char *const *options)
{
    server_t *server = make(pool);

    server->options = options;
    server->port = free_port();
    server->address = apr_psprintf(pool, "127.0.0.1:%u", server->port);
    launch(server);
    return server;
}

server_t *server_start_unix(apr_pool_t *pool)
{
    server_t *server = make(pool);
    const char *base = getenv("TMPDIR");
    char *folder = apr_pstrcat(pool, base != NULL ? base : "/tmp",
                               "/locks-contract-XXXXXX", NULL);

    must(mkdtemp(folder) != NULL, "no temporary folder can be made");
    server->path = apr_pstrcat(pool, folder, "/memcached.sock", NULL);
    server->address = apr_pstrcat(pool, "unix:", server->path, NULL);
    launch(server);
    return server;
}
