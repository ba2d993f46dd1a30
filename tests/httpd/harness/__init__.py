# SPDX-License-Identifier: Apache-2.0
"""Servers, clients and faults that the tests are made of."""
