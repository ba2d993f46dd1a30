/* SPDX-License-Identifier: Apache-2.0 */
/* Who broke which lock, whose it was, and why: in the error log, and in a log
 * of its own where one is configured. */
#include "mod_locks_status.h"

#include <apr_strings.h>
#include <http_log.h>

#include <string.h>

APLOG_USE_MODULE(locks);

/** Opens a file, or a pipe to a program. */
static apr_status_t open_log(locks_audit_log_t *log, apr_pool_t *pool)
{
    piped_log *piped;

    if (*log->name != '|') {
        return apr_file_open(
            &log->file, ap_server_root_relative(pool, log->name),
            APR_WRITE | APR_APPEND | APR_CREATE, APR_OS_DEFAULT, pool);
    }
    piped = ap_open_piped_log(pool, log->name + 1);
    if (piped == NULL) {
        return APR_EGENERAL;
    }
    log->file = ap_piped_log_write_fd(piped);
    return APR_SUCCESS;
}

int locks_audit_open(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server)
{
    server_rec *server;

    (void)plog;
    (void)ptemp;
    for (server = main_server; server != NULL; server = server->next) {
        locks_audit_log_t *log = locks_server_config(server)->audit_log;
        apr_status_t rv;

        /* Virtual hosts share that of the main server. */
        if (log == NULL || log->file != NULL) {
            continue;
        }
        rv = open_log(log, pconf);
        if (rv != APR_SUCCESS) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, rv, server,
                         "locks: LocksAuditLog %s cannot be opened: is there "
                         "its folder, and may httpd write there?",
                         log->name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/** A name in quotes, in which nothing can end a field or a line. */
static const char *field(const char *name, const char *value, apr_pool_t *pool)
{
    return apr_pstrcat(pool, " ", name, "=\"", ap_escape_logitem(pool, value),
                       "\"", NULL);
}

/** Writes the line in one piece, so that lines of several processes stay
 *  apart. */
static void write_line(request_rec *r, const locks_audit_log_t *log,
                       const char *text)
{
    char time[APR_RFC822_DATE_LEN];
    apr_time_exp_t parts;
    const char *line;
    apr_size_t length;
    apr_status_t rv;

    apr_time_exp_gmt(&parts, apr_time_now());
    (void)apr_strftime(time, &length, sizeof(time), "%Y-%m-%dT%H:%M:%SZ",
                       &parts);
    line = apr_pstrcat(r->pool, time, text, "\n", NULL);
    rv = apr_file_write_full(log->file, line, strlen(line), NULL);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, rv, r,
                      "locks: LocksAuditLog %s could not be written; the "
                      "error log has what it should say: is the disk full?",
                      log->name);
    }
}

void locks_audit(request_rec *r, const locks_lock_t *lock, const char *outcome,
                 const char *reason)
{
    const locks_audit_log_t *log = locks_server_config(r->server)->audit_log;
    apr_pool_t *pool = r->pool;
    const char *text = apr_pstrcat(
        pool, field("break", outcome, pool),
        field("lock", apr_psprintf(pool, "%" APR_UINT64_T_FMT, lock->id), pool),
        field("course", lock->subject.course, pool),
        field("gadget", lock->subject.resource, pool),
        field("owner", lock->owner, pool),
        field("by", r->user != NULL ? r->user : "", pool),
        field("client", r->useragent_ip, pool), field("reason", reason, pool),
        NULL);

    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r, "locks: audit:%s", text);
    if (log != NULL && log->file != NULL) {
        write_line(r, log, text);
    }
}
