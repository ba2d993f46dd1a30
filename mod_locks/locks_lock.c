/* SPDX-License-Identifier: Apache-2.0 */
#include "locks_lock.h"

#include <string.h>

const locks_type_t locks_types[] = {
    {.name = "gadget", .resource_member = "gadgetId"},
    {.name = NULL, .resource_member = NULL},
};

const locks_type_t *locks_type_find(const char *name)
{
    for (const locks_type_t *type = locks_types; type->name; type++) {
        if (!strcmp(type->name, name)) {
            return type;
        }
    }
    return NULL;
}
