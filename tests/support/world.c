/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "locks_find.h"
#include "locks_foreseen.h"

#include <check.h>

#include <apr_strings.h>

#include <string.h>

static apr_time_t world_now(void *baton)
{
    return ((world_t *)baton)->now;
}

static apr_time_t world_ticks(void *baton)
{
    return ((world_t *)baton)->ticks;
}

static void world_pause(void *baton, apr_interval_time_t duration)
{
    world_pass(baton, duration);
}

/** Nobody posts while one waits: there is one thread. */
static void world_await(void *baton, sem_t *posted, apr_interval_time_t longest)
{
    (void)posted;
    world_pass(baton, longest);
}

/** Xorshift: chance that comes out the same in every run. */
static apr_uint64_t world_random(void *baton)
{
    world_t *world = baton;

    world->chance ^= world->chance << 13;
    world->chance ^= world->chance >> 7;
    world->chance ^= world->chance << 17;
    return world->chance;
}

world_t *world_make(apr_pool_t *pool)
{
    world_t *world = apr_pcalloc(pool, sizeof(*world));

    world->pool = pool;
    world->store = memory_store_make(pool);
    world->rules = (locks_rules_t){
        .prefix = "t:", .ttl = WORLD_TTL, .max_per_course = 100};
    world->env = (locks_environment_t){.now = world_now,
                                       .ticks = world_ticks,
                                       .pause = world_pause,
                                       .await = world_await,
                                       .random = world_random,
                                       .baton = world};
    world->now = apr_time_from_sec(1700000000);
    world->chance = 88172645463325252u;
    return world;
}

void world_pass(world_t *world, apr_interval_time_t time)
{
    world->now += time;
    world->ticks += time;
    memory_store_advance(world->store, time);
}

static void count_step(void *baton, const char *step)
{
    world_t *world = baton;

    ck_assert_str_ne(step, "");
    world->steps++;
}

static locks_operation_t *begin(world_t *world)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_operation_t *op = locks_operation_open(
        &world->rules, &world->env, LOCKS_TYPE_GADGET,
        base->provider->open(base, world->pool), world->pool);

    op->turns = world->turns;
    op->owners = world->owners;
    op->tell = world->listens ? count_step : NULL;
    op->tell_baton = world;
    world->steps = 0;
    return op;
}

static void end(world_t *world, locks_operation_t *op)
{
    world->round_trips = op->store->round_trips;
    world->why = op->why;
    world->deeds = op->deeds;
    op->store->provider->close(op->store);
}

const char *world_foreseen(world_t *world, const char *course)
{
    locks_operation_t *op = begin(world);
    const char *owners = "";
    int i;

    locks_foresee_owners(op, course);
    for (i = 0; i < op->foreseen->nelts; i++) {
        owners = apr_pstrcat(
            world->pool, owners, i > 0 ? " " : "",
            APR_ARRAY_IDX(op->foreseen, i, locks_foreseen_t).owner, NULL);
    }
    end(world, op);
    return owners;
}

static apr_status_t acquire(world_t *world, const char *user,
                            const char *course, const char *resource,
                            const locks_terms_t *terms, int ahead)
{
    locks_subject_t subject = {
        .type = LOCKS_TYPE_GADGET, .course = course, .resource = resource};
    locks_operation_t *op = begin(world);
    locks_lock_t lock;
    apr_status_t rv;

    if (ahead) {
        locks_ahead_key(op, "session:x");
        locks_ahead_slots(op, course);
        locks_ahead_read(op);
    }
    rv = locks_acquire(op, &lock, &subject, user, terms);
    world->lock = lock;
    end(world, op);
    return rv;
}

apr_status_t world_acquire(world_t *world, const char *user, const char *course,
                           const char *resource)
{
    return acquire(world, user, course, resource, &locks_usual_terms, 0);
}

apr_status_t world_acquire_ahead(world_t *world, const char *user,
                                 const char *course, const char *resource)
{
    return acquire(world, user, course, resource, &locks_usual_terms, 1);
}

apr_status_t world_acquire_on(world_t *world, const char *user,
                              const char *course, const char *resource,
                              const locks_terms_t *terms)
{
    return acquire(world, user, course, resource, terms, 0);
}

/** Begins what is about one lock, or whichever the user has. */
static locks_operation_t *begin_finding(world_t *world, const char *user,
                                        apr_uint64_t id)
{
    locks_operation_t *op = begin(world);

    if (world->knows && user != NULL) {
        locks_find_ahead(op, id, user);
        locks_ahead_read(op);
    }
    return op;
}

static apr_status_t permit(void *baton, const char *course)
{
    world_t *world = baton;

    ck_assert_str_ne(course, "");
    world->times_asked++;
    return world->is_barred ? APR_EACCES : APR_SUCCESS;
}

apr_status_t world_renew(world_t *world, const char *user, apr_uint64_t id,
                         const locks_terms_t *terms)
{
    locks_operation_t *op = begin_finding(world, user, id);
    apr_status_t rv =
        locks_renew(op, &world->lock, id, user, terms, permit, world);

    end(world, op);
    return rv;
}

apr_status_t world_find(world_t *world, const char *user, apr_uint64_t id)
{
    locks_operation_t *op = begin_finding(world, user, id);
    apr_time_t time;
    apr_status_t rv = locks_find(op, &world->lock, &time, id, user);

    end(world, op);
    return rv;
}

apr_status_t world_release(world_t *world, const char *user, apr_uint64_t id)
{
    locks_operation_t *op = begin_finding(world, user, id);
    apr_status_t rv = locks_release(op, id, user);

    end(world, op);
    return rv;
}

apr_status_t world_break(world_t *world, const char *user, apr_uint64_t id)
{
    locks_operation_t *op = begin_finding(world, user, id);
    locks_lock_t broken;
    apr_status_t rv = locks_break(op, &broken, id, user);

    world->lock = broken;
    end(world, op);
    return rv;
}

/** @param resource NULL for all */
static apr_array_header_t *look(world_t *world, const char *course,
                                const char *resource)
{
    apr_array_header_t *resources =
        apr_array_make(world->pool, 1, sizeof(resource));
    locks_operation_t *op = begin(world);
    apr_array_header_t *locks = NULL;
    apr_time_t time;

    APR_ARRAY_PUSH(resources, const char *) = resource;
    if (world->foreseen != NULL) {
        locks_foresee(op, world->foreseen);
    }
    if (locks_look(op, &locks, &time, course,
                   resource != NULL ? resources : NULL) != APR_SUCCESS) {
        locks = NULL;
    }
    end(world, op);
    return locks;
}

const char *world_look(world_t *world, const char *course, const char *resource)
{
    apr_array_header_t *locks = look(world, course, resource);
    const char *text = "";
    int i;

    if (locks == NULL) {
        return "?";
    }
    for (i = 0; i < locks->nelts; i++) {
        const locks_lock_t *lock = &APR_ARRAY_IDX(locks, i, locks_lock_t);

        text = apr_pstrcat(world->pool, text, i > 0 ? " " : "",
                           lock->subject.resource, "=", lock->owner, NULL);
    }
    return text;
}

const char *world_list(world_t *world, const char *course)
{
    return world_look(world, course, NULL);
}

void world_damage(world_t *world, const char *key)
{
    locks_store_t *base = memory_store_base(world->store);
    locks_store_session_t *session = base->provider->open(base, world->pool);

    memory_store_evict(world->store, key);
    ck_assert_int_eq(base->provider->add(session, key, "garbage", 7, 3600,
                                         LOCKS_STORE_ORDINARY),
                     LOCKS_STORE_DONE);
}

void world_check(world_t *world)
{
    apr_array_header_t *all =
        apr_array_copy(world->pool, look(world, WORLD_COURSE, NULL));
    int i, j;

    apr_array_cat(all, look(world, WORLD_OTHER_COURSE, NULL));
    for (i = 0; i < all->nelts; i++) {
        const locks_lock_t *one = &APR_ARRAY_IDX(all, i, locks_lock_t);

        for (j = 0; j < i; j++) {
            const locks_lock_t *two = &APR_ARRAY_IDX(all, j, locks_lock_t);

            ck_assert_str_ne(one->owner, two->owner);
            ck_assert(strcmp(one->subject.course, two->subject.course) != 0 ||
                      strcmp(one->subject.resource, two->subject.resource) !=
                          0);
        }
    }
}
