# SPDX-License-Identifier: Apache-2.0
"""Real servers for the tests, on loopback and in temporary folders."""
