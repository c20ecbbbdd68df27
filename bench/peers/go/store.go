// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"unicode/utf8"
)

// Where submissions go; store_sqlite.go opens it, or store_none.go, which has none.
type store interface {
	insert(id, name, email, message, source, correlationID string) error
}

type submission struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Message string `json:"message"`
	Source  string `json:"source"`
}

var address = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)

func between(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return least <= n && n <= most
}

func (s *server) contact(w http.ResponseWriter, r *http.Request, correlationID string) {
	var form submission
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 128<<10))
	if err != nil || json.Unmarshal(body, &form) != nil {
		reply(w, http.StatusBadRequest, map[string]string{"detail": "malformed"})
		return
	}
	if !between(form.Name, 1, 200) || !between(form.Email, 3, 254) || !address.MatchString(form.Email) ||
		!between(form.Message, 1, 10000) || !between(form.Source, 0, 200) {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"detail": "invalid"})
		return
	}
	id := uuid()
	if s.store.insert(id, form.Name, form.Email, form.Message, form.Source, correlationID) != nil {
		reply(w, http.StatusServiceUnavailable, map[string]string{"detail": "not stored"})
		return
	}
	reply(w, http.StatusCreated, map[string]string{"id": id, "status": "received"})
}
