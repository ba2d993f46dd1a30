/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /locks. */
#include "fuzz.h"

#include "json_text.h"
#include "locks_json.h"
#include "locks_json_escape.h"
#include "locks_reply.h"
#include "locks_request.h"
#include "locks_utf8.h"

/** What a refusal says has to fit into an answer, whatever the body was. */
static void check_refusal(const char *wrong, apr_pool_t *pool)
{
    locks_json_writer_t writer;
    const char *answer;
    locks_json_t json;

    json_text_open(&writer, pool);
    locks_reply_error(&writer, 400, wrong, strlen(wrong));
    answer = json_text(&writer, pool);
    MUST(*wrong != '\0');
    MUST(locks_utf8_span(answer, strlen(answer)) == strlen(answer));
    MUST(locks_json_parse(&json, answer, strlen(answer), 2, pool) == NULL);
}

/** The same request, written as plainly as can be, is the same request. */
static void check_request(const locks_request_t *request, apr_pool_t *pool)
{
    const char *key =
        locks_json_quote(request->course_key, request->course_key_length, pool);
    const char *resource =
        locks_json_quote(request->resource, strlen(request->resource), pool);
    const char *plain = apr_psprintf(
        pool, "{\"type\":\"%s\",\"subject\":{\"courseId\":%s,\"%s\":%s}}",
        request->type->name, key, request->type->resource_member, resource);
    locks_request_t again;

    MUST(request->course_key_length > 0);
    MUST(locks_resource_id_valid(request->resource));
    MUST(locks_request_parse_body(&again, plain, strlen(plain), pool) == NULL);
    MUST(again.type == request->type);
    MUST(strcmp(again.resource, request->resource) == 0);
    MUST(again.course_key_length == request->course_key_length);
    MUST(memcmp(again.course_key, request->course_key,
                request->course_key_length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *body = fuzz_exactly(data, size);
    locks_request_t request;
    const char *wrong = locks_request_parse_body(&request, body, size, pool);

    free(body);
    if (wrong != NULL) {
        check_refusal(wrong, pool);
    } else {
        check_request(&request, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
