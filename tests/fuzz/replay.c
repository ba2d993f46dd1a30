/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a target's corpus, in place of libFuzzer: every file once. */
#include "fuzz.h"

#include <apr_file_info.h>
#include <apr_file_io.h>

/** The corpus of the program fuzz_body is corpus/body. */
#define PROGRAM_PREFIX "fuzz_"

static void replay(const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_file_t *file;
    apr_size_t size;
    char *bytes;

    MUST(apr_file_open(&file, path, APR_READ | APR_BINARY, 0, pool) ==
         APR_SUCCESS);
    MUST(apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS);
    size = (apr_size_t)info.size;
    bytes = apr_palloc(pool, size + 1);
    MUST(size == 0 ||
         apr_file_read_full(file, bytes, size, NULL) == APR_SUCCESS);
    apr_file_close(file);
    printf("%s\n", path);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)bytes, size);
}

static int replay_all(const char *folder, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_dir_t *dir;
    int files = 0;

    if (apr_dir_open(&dir, folder, pool) != APR_SUCCESS) {
        return 0;
    }
    while (apr_dir_read(&info, APR_FINFO_NAME | APR_FINFO_TYPE, dir) ==
           APR_SUCCESS) {
        if (info.filetype == APR_REG) {
            replay(apr_pstrcat(pool, folder, "/", info.name, NULL), pool);
            files++;
        }
    }
    apr_dir_close(dir);
    return files;
}

int main(int argc, char **argv)
{
    const char *source = getenv("LOCKS_SOURCE");
    const char *target = argc > 0 ? strstr(argv[0], PROGRAM_PREFIX) : NULL;
    apr_pool_t *pool = fuzz_pool();
    const char *folder;
    int files;

    if (source == NULL || target == NULL) {
        fprintf(stderr, "LOCKS_SOURCE must name the source tree\n");
        return EXIT_FAILURE;
    }
    folder = apr_pstrcat(pool, source, "/tests/fuzz/corpus/",
                         target + strlen(PROGRAM_PREFIX), NULL);
    files = replay_all(folder, pool);
    if (files == 0) {
        fprintf(stderr, "no corpus in %s\n", folder);
    } else {
        printf("%d inputs\n", files);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return files > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
