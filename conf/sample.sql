-- SPDX-License-Identifier: Apache-2.0
--
-- Two courses to try mod_locks with: see try.sh. Anna is user 42, Ben is user
-- 43, and Carl, user 44, may update neither.

INSERT INTO course (id, internal_id) VALUES ('algebra', '1001');
INSERT INTO course (id, internal_id) VALUES ('geometry2', '1002');

INSERT INTO gadget (course_id, id) VALUES ('algebra', 'quiz');
INSERT INTO gadget (course_id, id) VALUES ('algebra', 'essay');
INSERT INTO gadget (course_id, id) VALUES ('algebra', 'survey');
INSERT INTO gadget (course_id, id) VALUES ('geometry2', 'quiz');

INSERT INTO course_permission (course_id, principal, permission)
    VALUES ('algebra', '42', 'InsertConfigureDeleteYourOwnGadgetInstances');
INSERT INTO course_permission (course_id, principal, permission)
    VALUES ('algebra', '43', 'InsertConfigureDeleteYourOwnGadgetInstances');
INSERT INTO course_permission (course_id, principal, permission)
    VALUES ('geometry2', '43', 'InsertConfigureDeleteYourOwnGadgetInstances');
INSERT INTO course_permission (course_id, principal, permission)
    VALUES ('algebra', '44', 'ViewCourse');
INSERT INTO course_permission (course_id, principal, permission)
    VALUES ('algebra', 'LegacyAuthenticator:7',
            'InsertConfigureDeleteYourOwnGadgetInstances');
