#!/usr/bin/env bash
# The short version of the stress test: ./dev stress has the long one.
exec bash "$(dirname "$0")/../stress/kill.sh" 10
