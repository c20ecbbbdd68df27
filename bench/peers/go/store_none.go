// SPDX-License-Identifier: MIT

//go:build !sqlite

package main

const hasStore = false

func openStore(dir string) (store, error) { return nil, nil }
