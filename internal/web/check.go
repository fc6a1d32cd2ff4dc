package web

import (
	"fmt"
	"log/slog"
	"net/http"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// CheckConfig returns the error with which [Listen] would reject the web
// configuration file of the flags, nil if there is none. It reads the certificates
// that the file names, and opens no address.
func CheckConfig(flags *toolkit.FlagConfig) error {
	file := *flags.WebConfigFile
	if file == "" {
		return nil
	}
	logger := slog.New(slog.DiscardHandler)
	g, err := newGuard(file, NewMetrics(nil), logger)
	if err == nil {
		err = g.protect(newServer(Options{Handler: http.NotFoundHandler(), Logger: logger}), flags)
	}
	if err != nil {
		return fmt.Errorf("web configuration file %s: %w", file, err)
	}
	return nil
}
