//go:build !unix

package web

// maxOpenFiles returns how many files the process may have open.
func maxOpenFiles() uint64 { return 1024 }
