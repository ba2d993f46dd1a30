/* SPDX-License-Identifier: Apache-2.0 */
/* The query string of GET /locks. */
#include "fuzz.h"

#include "locks_request.h"
#include "locks_utf8.h"

/** The same key with every byte escaped is the same key. */
static void check_key(const char *key, apr_pool_t *pool)
{
    char *query = apr_palloc(pool, 3 * strlen(key) + 32);
    char *end = query + apr_snprintf(query, 32, "x&subject.courseId=");
    const char *again;
    const char *byte;

    MUST(*key != '\0');
    MUST(locks_utf8_span(key, strlen(key)) == strlen(key));
    for (byte = key; *byte != '\0'; byte++) {
        end += apr_snprintf(end, 4, "%%%02x", (unsigned char)*byte);
    }
    MUST(locks_request_parse_query(&again, query, pool) == NULL);
    MUST(strcmp(again, key) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = fuzz_pool();
    char *query = fuzz_string(data, size);
    const char *key;
    const char *wrong = locks_request_parse_query(&key, query, pool);

    if (wrong == NULL) {
        check_key(key, pool);
    } else {
        MUST(*wrong != '\0');
    }
    (void)locks_sid_valid(query);
    (void)locks_user_id_valid(query);
    if (locks_course_id_valid(query)) {
        MUST(locks_course_key_valid(query));
    }
    free(query);
    apr_pool_destroy(pool);
    return 0;
}
