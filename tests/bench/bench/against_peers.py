# SPDX-License-Identifier: Apache-2.0
"""The figures beside other ways to lock: PHP, mod_dav, etcd."""

import shutil
from pathlib import Path

from harness.httpd import module_folder

from . import wrk
from .against_trivial import own_courses
from .figure import Figure, Refusals
from .side import DavSide, EtcdSide, Side
from .wrk import Load

PAGE = Path(__file__).resolve().parents[1] / "php" / "locks.php"
# The page is found below any server's folder, and by any user.
PHP = """
LoadModule php_module {php}
SetEnv LOCKS_SOCKET {store}
SetEnv LOCKS_DATABASE {folder}/courses.db
AliasMatch "^/php/locks(/.*)?$" "{folder}/htdocs/locks.php$1"
<Files "locks.php">
    SetHandler application/x-httpd-php
</Files>
"""
DAV = """
DavLockDB {folder}/davlock
<Location "/dav">
    Dav On
</Location>
"""
ALONE = {"threads": 1, "connections": 1}


def php_directives():
    modules = sorted(module_folder().glob("libphp*.so"))
    assert modules, "PHP's module is not there: install libapache2-mod-php"
    return PHP.replace("{php}", str(modules[-1]))


def _php(world):
    shutil.copy(PAGE, world.folder / "htdocs")
    (world.folder / "htdocs" / PAGE.name).chmod(0o644)
    return (own_courses(world, "native", "uncached"),
            own_courses(world, "scripted", base="/php/locks",
                        title="the same in PHP"))


def _dav(world, script_options, **load):
    folder = world.folder / "htdocs" / "dav"
    folder.mkdir(exist_ok=True)
    load = Load("dav", world.address(), script_options, **load)
    return DavSide("mod_dav LOCK + UNLOCK", load, wrk.cycles_per_second,
                   wrk.processor_per_cycle, folder)


def dav_alone(world):
    return _dav(world, {}, **ALONE)


def _dav_one(world):
    return own_courses(world, "lonely", **ALONE), dav_alone(world)


def _dav_many(world):
    return _dav(world, {"tolerant": 1}, tolerant=True)


def _etcd(world):
    return (own_courses(world, "single"),
            EtcdSide("etcd: grant + lock + unlock", Load("etcd", None),
                     wrk.cycles_per_second, wrk.processor_per_cycle))


# ---- Many users on one course ----

def _one_course(world, gadgets):
    role = f"crowd{gadgets}g"
    course = world.people.course(role)
    people = world.people.users(role, course)
    return Side("acquire + release",
                Load("contended", world.address(),
                     {**people, "path": "/locks", "course": course,
                      "gadgets": gadgets, "users": wrk.CONNECTIONS},
                     tolerant=True))


def _distinct(world):
    return _one_course(world, wrk.CONNECTIONS)


def _contended(world):
    return _one_course(world, 8)


FIGURES = (
    Figure("php", "acquire + release / the same in PHP, both on prefork and"
           " asking SQLite", "prefork", "cycles/s", _php, target=2),
    Figure("dav", "acquire + release / LOCK + UNLOCK of mod_dav, one"
           " connection", "event", "cycles/s", _dav_one, target=5),
    Figure("etcd", "acquire + release / lease, lock, unlock of etcd's JSON"
           " gateway", "event", "cycles/s", _etcd, target=5),
)
REFUSALS = (
    Refusals("refused-distinct", "32 users on one course, a gadget each",
             "event", _distinct, 0),
    Refusals("refused-contended", "32 users on 8 gadgets of one course",
             "event", _contended, 0),
    Refusals("refused-dav", "mod_dav, 32 connections, a file each", "event",
             _dav_many),
)
