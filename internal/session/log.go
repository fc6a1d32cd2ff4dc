package session

import (
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// sdkLogger forwards the SDK's log messages to slog.
func sdkLogger(logger *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(class logging.Classification, format string, v ...any) {
		log := logger.Debug
		if class == logging.Warn {
			log = logger.Warn
		}
		log("aws sdk", "message", fmt.Sprintf(format, v...))
	})
}
