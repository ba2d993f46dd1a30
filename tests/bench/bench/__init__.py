# SPDX-License-Identifier: Apache-2.0
"""Measures mod_locks beside others; README.md beside this folder tells how."""
