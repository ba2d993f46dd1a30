/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <string.h>

const char *const user_names[USERS] = {"ann", "ben", "cat", "dan",
                                       "eve", "fay", "gus", "hal",
                                       "ida", "jim", "kay", "lee"};
const char *const course_names[COURSES] = {"course1", "course2", "course3"};
const char *const resource_names[RESOURCES] = {"g1", "g2", "g3"};
const char *const window_names[WINDOWS] = {"", "w1", "w2"};

static int find(const char *const *names, int count, const char *name)
{
    int i;

    for (i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int user_number(const char *name)
{
    return find(user_names, USERS, name);
}

int place_number(const char *course, const char *resource)
{
    int c = find(course_names, COURSES, course);
    int r = find(resource_names, RESOURCES, resource);

    return c < 0 || r < 0 ? -1 : PLACE(c, r);
}
