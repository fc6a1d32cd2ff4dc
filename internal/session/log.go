package session

import (
	"fmt"
	"log/slog"

	"github.com/aws/smithy-go/logging"
)

// logTo returns a logger for the SDK, which else writes to standard error in a
// format of its own.
func logTo(logger *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(class logging.Classification, format string, v ...any) {
		log := logger.Debug
		if class == logging.Warn {
			log = logger.Warn
		}
		log("message of the AWS SDK", "message", fmt.Sprintf(format, v...))
	})
}
