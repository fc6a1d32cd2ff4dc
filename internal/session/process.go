package session

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
)

// logProcessStderr replaces the provider of a credential_process by one that logs
// its standard error, so that secrets in it are redacted. The SDK's provider copies
// it to the standard error of the exporter.
func logProcessStderr(cfg aws.Config, logger *slog.Logger) aws.CredentialsProvider {
	if !aws.IsCredentialsProvider(cfg.Credentials, (*processcreds.Provider)(nil)) {
		return cfg.Credentials
	}
	for _, source := range cfg.ConfigSources {
		if shared, ok := source.(config.SharedConfig); ok && shared.CredentialProcess != "" {
			builder := processcreds.DefaultNewCommandBuilder{Args: []string{shared.CredentialProcess}}
			return aws.NewCredentialsCache(processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(
				func(ctx context.Context) (*exec.Cmd, error) {
					cmd, err := builder.NewCommand(ctx)
					if err == nil {
						cmd.Stderr = &processLog{logger: logger}
					}
					return cmd, err
				})))
		}
	}
	return cfg.Credentials
}

// maxProcessLog limits what is logged of one run of a credential_process.
const maxProcessLog = 2000

// processLog logs the lines that are written to it until one exceeds the limit.
// Lines are not cut, so that secrets in them are recognized.
type processLog struct {
	logger *slog.Logger
	line   []byte // incomplete
	bytes  int    // so far
}

var _ io.Writer = (*processLog)(nil)

// Write implements io.Writer.
func (l *processLog) Write(p []byte) (int, error) {
	for part := range bytes.Lines(p) {
		l.bytes += len(part)
		if l.bytes > maxProcessLog {
			break
		}
		l.line = append(l.line, part...)
		if line, ok := bytes.CutSuffix(l.line, []byte("\n")); ok {
			l.logger.Warn("credential_process", "stderr", strings.ToValidUTF8(string(line), ""))
			l.line = nil
		}
	}
	return len(p), nil
}
