package exposition

import (
	"net/http"
	"strconv"
	"strings"
)

// AcceptsGzip reports whether gzip is the preferred encoding of a response to a
// request with these headers (Accept-Encoding, RFC 9110, section 12.5.3): gzip
// or any encoding is acceptable, and identity is not preferred to it.
func AcceptsGzip(h http.Header) bool {
	weights := map[string]float64{}
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		weights[strings.ToLower(strings.TrimSpace(name))] = weight(parameters)
	}
	gzip, ok := weights["gzip"]
	if !ok {
		gzip = weights["*"]
	}
	return gzip > 0 && gzip >= weights["identity"]
}

// weight returns the q parameter of a coding: 1 by default, 0 (not acceptable)
// if it is invalid.
func weight(parameters string) float64 {
	parameters = strings.TrimSpace(parameters)
	if parameters == "" {
		return 1
	}
	name, value, _ := strings.Cut(parameters, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
