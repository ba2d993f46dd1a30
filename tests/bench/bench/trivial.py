# SPDX-License-Identifier: Apache-2.0
"""The answer that the trivial handler gives."""

ANSWER = ('{"id": "1795454234519660495", "type": "gadget",'
          ' "subject": {"courseId": "algebra", "gadgetId": "quiz"},'
          ' "ownerId": "42", "expiresIn": 299999}')
