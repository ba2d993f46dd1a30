<?php
// SPDX-License-Identifier: Apache-2.0
//
// POST and DELETE of the locking endpoints as a good programmer of PHP would
// write them: the records and round trips of mod_locks' protocol, persistent
// connections to memcached and to the database, no framework.
//
// It leaves out what an unopposed cycle does not come to: fences, the index
// of courses, the pause before a pending slot, lists, settling lost answers.
declare(strict_types=1);

const LEASE_MS = 300000;
const KEPT_SECONDS = 72 * 3600;
const TRIES = 20;

function answer(int $status, $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    exit;
}

function refuse(int $status, string $message): never
{
    answer($status, ['error' => $status, 'message' => $message]);
}

// ---- Who is asked ----

function store(): Memcached
{
    $store = new Memcached('locks');
    if (!$store->getServerList()) {
        $store->setOption(Memcached::OPT_COMPRESSION, false);
        $store->setOption(Memcached::OPT_SERIALIZER,
                          Memcached::SERIALIZER_IGBINARY);
        $store->addServer($_SERVER['LOCKS_SOCKET'], 0);
    }
    return $store;
}

function first_column(string $sql, array $values)
{
    static $database;
    $database ??= new PDO('sqlite:' . $_SERVER['LOCKS_DATABASE'], null, null,
                          [PDO::ATTR_PERSISTENT => true]);
    $statement = $database->prepare($sql);
    $statement->execute($values);
    return $statement->fetchColumn();
}

function course_id(string $key): string
{
    $id = first_column('SELECT id FROM course WHERE id = ?'
                       . ' OR internal_id = ?', [$key, $key]);
    return $id !== false ? $id : refuse(404, "Course '$key' not found");
}

function check_access(string $course, string $user): void
{
    $sql = 'SELECT 1 FROM course_permission WHERE course_id = ?'
        . ' AND principal = ? AND permission ='
        . " 'InsertConfigureDeleteYourOwnGadgetInstances'";
    if (first_column($sql, [$course, $user]) === false) {
        refuse(403, 'Insufficient permissions');
    }
}

function check_gadget(string $course, string $gadget): void
{
    $sql = 'SELECT id FROM gadget WHERE course_id = ? AND id = ?';
    if (first_column($sql, [$course, $gadget]) === false) {
        refuse(404, "Gadget '$gadget' not found");
    }
}

// ---- What was asked ----

function session_key(): string
{
    $sid = $_SERVER['HTTP_SID'] ?? '';
    if (!preg_match('/^[A-Za-z0-9._~-]{1,128}$/D', $sid)) {
        refuse(401, 'Invalid credentials');
    }
    return "session:$sid";
}

function user_of($record): string
{
    $session = is_string($record) ? json_decode($record, true) : null;
    $kinds = ['PlainUserSession', 'VFOUserSession'];
    if (!in_array($session['sessionType'] ?? null, $kinds, true)
        || !is_string($session['userId'] ?? null)) {
        refuse(401, 'Invalid credentials');
    }
    return $session['userId'];
}

function requested(): array
{
    $body = json_decode(file_get_contents('php://input'), true, 32);
    $course = $body['subject']['courseId'] ?? null;
    $gadget = $body['subject']['gadgetId'] ?? null;
    if (($body['type'] ?? null) !== 'gadget' || !is_string($course)
        || !is_string($gadget) || $gadget === '') {
        refuse(400, 'Malformed lock request');
    }
    return [$course, $gadget];
}

// ---- The protocol ----

function now_ms(): int
{
    return (int) (microtime(true) * 1000);
}

function write(Memcached $store, string $key, ?array $found, $value): bool
{
    return $found === null
        ? $store->add($key, $value, KEPT_SECONDS)
        : $store->cas($found['cas'], $key, $value, KEPT_SECONDS);
}

function fetch(Memcached $store, array $keys): array
{
    $found = $store->getMulti($keys, Memcached::GET_EXTENDED);
    return $found !== false ? $found : refuse(503, 'Lock store unavailable');
}

function is_live(?array $lease, array $slot): bool
{
    return $lease !== null && $lease['value']['id'] === $slot[0]
        && $lease['value']['deadline'] > now_ms();
}

function lock(string $id, array $lease, string $user): array
{
    return ['id' => $id, 'type' => 'gadget',
            'subject' => ['courseId' => $lease['course'],
                          'gadgetId' => $lease['gadget']],
            'ownerId' => $user,
            'expiresIn' => $lease['deadline'] - now_ms()];
}

// One try; null if somebody else wrote in between.
function try_to_acquire(Memcached $store, string $user, string $course,
                        string $gadget, ?array $slots): ?array
{
    $slot = $slots['value']['gadgets'][$gadget] ?? null;
    $own = "lease:$user";
    $keys = [$own];
    if ($slot !== null && $slot[1] !== $user) {
        $keys[] = "lease:$slot[1]";
    }
    $leases = fetch($store, $keys);
    $lease = $leases[$own] ?? null;
    $live = $slot !== null && is_live($leases["lease:$slot[1]"] ?? null, $slot);
    if ($live && $slot[1] !== $user) {
        refuse(403, 'Resource locked');
    }
    if ($live) {
        $id = $slot[0];
    } else {
        $id = max((int) (microtime(true) * 1e9),
                  ($slots['value']['last'] ?? 0) + 1,
                  ($lease['value']['last'] ?? 0) + 1);
        $value = $slots['value'] ?? ['gadgets' => []];
        $value['last'] = $id;
        $value['gadgets'][$gadget] = [$id, $user];
        if (!write($store, "slots:$course", $slots, $value)) {
            return null;
        }
    }
    $value = ['id' => $id, 'last' => $id, 'course' => $course,
              'gadget' => $gadget, 'deadline' => now_ms() + LEASE_MS];
    return write($store, $own, $lease, $value) ? $value : null;
}

function acquire(): never
{
    $session_key = session_key();
    [$key, $gadget] = requested();
    $course = course_id($key);
    $store = store();
    $found = fetch($store, [$session_key, "slots:$course"]);
    $user = user_of($found[$session_key]['value'] ?? null);
    check_access($course, $user);
    check_gadget($course, $gadget);
    for ($try = 0; $try < TRIES; $try++) {
        $lease = try_to_acquire($store, $user, $course, $gadget,
                                $found["slots:$course"] ?? null);
        if ($lease !== null) {
            answer(201, lock((string) $lease['id'], $lease, $user));
        }
        usleep(random_int(100, 2000));
        $found = fetch($store, ["slots:$course"]);
    }
    refuse(503, 'Lock store unavailable');
}

function release(string $id): never
{
    $session_key = session_key();
    $store = store();
    $user = user_of($store->get($session_key));
    for ($try = 0; $try < TRIES; $try++) {
        $lease = fetch($store, ["lease:$user"])["lease:$user"] ?? null;
        if ($lease === null || (string) $lease['value']['id'] !== $id
            || $lease['value']['deadline'] <= now_ms()) {
            refuse(404, "Lock '$id' not found");
        }
        $value = $lease['value'];
        $value['id'] = 0;
        if (write($store, "lease:$user", $lease, $value)) {
            answer(200, new stdClass());
        }
    }
    refuse(503, 'Lock store unavailable');
}

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    acquire();
} elseif ($_SERVER['REQUEST_METHOD'] === 'DELETE') {
    release(ltrim($_SERVER['PATH_INFO'] ?? '', '/'));
}
refuse(405, 'Method not allowed');
