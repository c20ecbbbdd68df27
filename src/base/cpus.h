/* SPDX-License-Identifier: MIT */
/*
 * How many CPUs this process may really use: the affinity mask, cut by the cgroup's quota (v2
 * `cpu.max` of its group and every group above it; v1 `cpu.cfs_quota_us`/`cpu.cfs_period_us`),
 * rounded up, at least 1.
 *
 * `root` is "" in production; tests point it at a directory that holds proc/self/cgroup and
 * sys/fs/cgroup.
 */
#ifndef SIDELIGHT_BASE_CPUS_H
#define SIDELIGHT_BASE_CPUS_H

#include "base/base.h"

unsigned cpus_usable(const char *root);

#endif
