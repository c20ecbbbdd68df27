// SPDX-License-Identifier: MIT

//go:build sqlite

package main

import (
	"database/sql"
	"path/filepath"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

const hasStore = true

type sqlite struct{ add *sql.Stmt }

// One connection: SQLite has one writer, and waiting in Go is cheaper than SQLITE_BUSY.
// Each submission is a transaction, durable when insert returns.
func openStore(dir string) (store, error) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "contact.db")+"?_journal_mode=WAL&_synchronous=FULL")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err = db.Exec(`CREATE TABLE IF NOT EXISTS contact (id TEXT PRIMARY KEY, received_at INTEGER, name TEXT,
		email TEXT, message TEXT, source TEXT, correlation_id TEXT)`); err != nil {
		return nil, err
	}
	add, err := db.Prepare("INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?, ?)")
	return &sqlite{add}, err
}

func (s *sqlite) insert(id, name, email, message, source, correlationID string) error {
	_, err := s.add.Exec(id, time.Now().UnixMilli(), name, email, message, source, correlationID)
	return err
}
