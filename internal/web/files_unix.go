//go:build unix

package web

import "syscall"

// maxOpenFiles returns how many files the process may have open.
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024 // the usual soft limit
	}
	return uint64(limit.Cur) //nolint:unconvert // signed on some systems
}
