# SPDX-License-Identifier: Apache-2.0
"""Recorded requests of many clients, and whether one lock service that does
one thing at a time could have given their answers."""
