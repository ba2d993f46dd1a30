-- SPDX-License-Identifier: Apache-2.0
--
-- The tables that mod_locks' default queries ask: what courses there are,
-- which gadgets they have, and who may update them. Portable SQL for SQLite,
-- PostgreSQL and MariaDB:
--
--   sqlite3 /var/lib/mod_locks/courses.db < schema.sql
--   psql --dbname=courses --file=schema.sql
--   mariadb courses < schema.sql
--
-- A site that has such tables already needs none of these: it sets
-- LocksCourseQuery, LocksGadgetQuery and LocksAccessQuery instead.
--
-- Every column is text, and text is compared byte by byte: "G1" and "g1" are
-- two gadgets. SQLite and PostgreSQL compare so by themselves (PostgreSQL
-- with every deterministic collation, and others have to be asked for).
-- MariaDB and MySQL ignore case unless told otherwise, so create the database
-- with a binary collation before you read this file into it:
--
--   MariaDB: CREATE DATABASE courses CHARACTER SET utf8mb4
--              COLLATE utf8mb4_nopad_bin;
--   MySQL 8: CREATE DATABASE courses CHARACTER SET utf8mb4
--              COLLATE utf8mb4_0900_bin;
--
-- (utf8mb4_bin is not enough: it takes "g1" and "g1 " for the same.)
--
-- VARCHAR(255), because MariaDB indexes no text without a limit; the longest
-- gadget ID has 255 bytes. internal_id is text too: as a number, PostgreSQL
-- would not compare it with the course key of a request, and SQLite would
-- take the course key "1000e3" for the internal ID 1000000.

CREATE TABLE course (
    -- At least six of a-z and 0-9.
    id VARCHAR(255) NOT NULL PRIMARY KEY,
    -- A signed 64-bit integer in decimal, or NULL if the course has none.
    internal_id VARCHAR(20) UNIQUE
);

CREATE TABLE gadget (
    course_id VARCHAR(255) NOT NULL,
    -- 1 to 255 bytes of UTF-8 without control characters.
    id VARCHAR(255) NOT NULL,
    PRIMARY KEY (course_id, id),
    FOREIGN KEY (course_id) REFERENCES course (id)
);

CREATE TABLE course_permission (
    course_id VARCHAR(255) NOT NULL,
    -- A user ID, or "<sessionType>:<id>" for sessions that are no user's, for
    -- example "LegacyAuthenticator:7".
    principal VARCHAR(255) NOT NULL,
    -- The one that lets a principal list and lock gadgets of the course is
    -- InsertConfigureDeleteYourOwnGadgetInstances.
    permission VARCHAR(64) NOT NULL,
    PRIMARY KEY (course_id, principal, permission),
    FOREIGN KEY (course_id) REFERENCES course (id)
);
