package coverage

import (
	"slices"
	"strconv"
	"strings"
)

// ellipsis replaces what may change while an issue stays the same.
const ellipsis = "…"

// normalize replaces whatever may change in a printable text while the issue
// stays the same by "…", so that the issue is one series from one refresh to the
// next: every word with a digit (IDs, addresses, digests, counts, times,
// versions), and lists of such words. Kept are the names of task definitions and
// services, VPCs, accounts and Regions, status and exit codes, ports that are not
// ephemeral, and known names such as EC2. It returns s itself if nothing has to be
// replaced, and stops after maxIssue bytes.
func normalize(s string) string {
	n := normalizer{in: s}
	for name, ok := nextName(s, 0); ok && len(n.out) <= maxIssue; name, ok = nextName(s, name.end) {
		n.copyStable(name.start)
		n.keep(name.end)
	}
	n.copyStable(len(s))
	if n.replaced == 0 {
		return s
	}
	return string(n.out)
}

// normalizer copies a text and replaces its volatile parts.
type normalizer struct {
	in       string
	pos      int // the position in in
	out      []byte
	replaced int // the length of out after its last ellipsis; 0 for none

	// No address starts before noAddress and no Base64 identifier before noBase64:
	// if a span of their characters does not match, no suffix of it does. This
	// keeps the time linear.
	noAddress, noBase64 int
}

// keep copies the text up to end, of which replace may have skipped a part.
func (n *normalizer) keep(end int) {
	if end <= n.pos {
		return
	}
	n.out = append(n.out, n.in[n.pos:end]...)
	n.pos = end
}

// replace writes an ellipsis in place of the text up to end. A list has one
// ellipsis, even if it ends in "and 3 more".
func (n *normalizer) replace(end int) {
	separator := string(n.out[n.replaced:])
	if n.replaced > 0 && isListSeparator(separator) {
		n.out = n.out[:n.replaced]
		if strings.HasPrefix(n.in[end:], " more") {
			end += len(" more")
			if strings.HasSuffix(separator, "(") || strings.Contains(separator, "(and") {
				end += len(")")
			}
			if strings.HasPrefix(separator, "'") || strings.HasPrefix(separator, `"`) {
				n.out = append(n.out, separator[0])
			}
			n.pos = min(end, len(n.in))
			return
		}
	} else {
		n.out = append(withoutDateNames(n.out), ellipsis...)
	}
	n.replaced, n.pos = len(n.out), end
}

// isListSeparator reports whether s stands between two words of a list, or
// between two parts of a date or a ratio.
func isListSeparator(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(` ,'"(/:-+`, r) }) {
		if word != "and" && !slices.Contains(dateNames, word) {
			return false
		}
	}
	return true
}

// copyStable copies the text up to end, its volatile words replaced.
func (n *normalizer) copyStable(end int) {
	for n.pos < end && len(n.out) <= maxIssue {
		if isWordByte(n.in[n.pos]) || isBase64Byte(n.in[n.pos]) {
			if length := n.opaque(end); length > 0 {
				n.replace(n.pos + length)
				continue
			}
		}
		if !isWordByte(n.in[n.pos]) {
			n.keep(n.pos + 1)
			continue
		}
		to := n.pos
		for to < end && isWordByte(n.in[to]) {
			to++
		}
		if word := strings.TrimRight(n.in[n.pos:to], "-._+"); word != "" {
			n.copyWord(n.pos + len(word))
		}
		n.keep(to)
	}
}

func (n *normalizer) copyWord(end int) {
	before, word, after := n.in[:n.pos], n.in[n.pos:end], n.in[end:]
	switch {
	case !isVolatile(word), isCode(before, word, after), isPort(before, word, after), isAccount(before, word):
		n.keep(end)
	case strings.HasSuffix(word, ".amazonaws.com"), strings.HasSuffix(word, ".amazonaws.com.cn"), strings.HasSuffix(word, ".api.aws"):
		n.copyHost(end)
	default:
		n.replace(end)
	}
}

// copyHost copies the name of an AWS host, label by label.
func (n *normalizer) copyHost(end int) {
	for n.pos < end {
		label, _, _ := strings.Cut(n.in[n.pos:end], ".")
		to := n.pos + len(label)
		isRegistry := IsAccountID(label) && strings.HasPrefix(n.in[to:end], ".dkr.ecr")
		if isRegistry || !isVolatile(label) {
			n.keep(to)
		} else {
			n.replace(to)
		}
		n.keep(min(to+1, end))
	}
}

// opaque returns the length of the identifier at the current position, before
// end, if it is one that words do not delimit: one after "Request ID:" and the
// like, an IPv6 address or a time of day, or a long one in Base64. Otherwise it
// returns 0.
func (n *normalizer) opaque(end int) int {
	s := n.in[n.pos:end]
	if isAfterID(n.in[:n.pos]) {
		if end := strings.IndexAny(s, " ,;)]}"); end >= 0 {
			return end
		}
		return len(s)
	}
	if n.pos >= n.noAddress {
		length := span(s, isAddressByte)
		address := strings.TrimRight(s[:length], ":.")
		if strings.Count(address, ":") > 1 && hasDigit(address) && (length == len(s) || !isWordByte(s[length])) {
			return len(address)
		}
		n.noAddress = n.pos + length
	}
	if n.pos >= n.noBase64 {
		length := span(s, isBase64Byte)
		if id := s[:length]; length >= minBase64 && hasDigit(id) && strings.ToLower(id) != id && strings.ToUpper(id) != id {
			return length
		}
		n.noBase64 = n.pos + length
	}
	return 0
}

// minBase64 is the length from which a text of mixed case is an identifier. S3
// has the shortest, with 56 characters or more.
const minBase64 = 40

// isAfterID reports whether before ends in "Request ID:" or the like.
func isAfterID(before string) bool {
	name := strings.TrimRight(before, ` '"`)
	if !strings.HasSuffix(name, ":") && !strings.HasSuffix(name, "=") {
		return false
	}
	name = strings.TrimRight(name, " :=")
	if !hasSuffixFold(name, "id") {
		return false
	}
	name = strings.TrimRight(name[:len(name)-len("id")], " -_")
	return slices.ContainsFunc([]string{"request", "host", "trace", "correlation"}, func(owner string) bool {
		return hasSuffixFold(name, owner)
	})
}

// podSuffix is the length of the last part of a pod's name. Kubernetes makes it of
// consonants and digits.
const podSuffix = 5

// isVolatile reports whether a word may change while an issue stays the same.
func isVolatile(word string) bool {
	if pod, ok := strings.CutPrefix(word, "aws-guardduty-agent-"); ok && len(pod) == podSuffix {
		return !strings.ContainsAny(pod, "aeiou")
	}
	if !hasDigit(word) {
		prefix, id, ok := strings.Cut(word, "-")
		return ok && prefix != "vpc" && (len(id) == 8 || len(id) == 17) && span(id, isHexByte) == len(id)
	}
	return !isVPC(word) && !isRegion(word) && !isKnownName(word)
}

func isVPC(word string) bool {
	id, ok := strings.CutPrefix(word, "vpc-")
	return ok && id != "" && span(id, isHexByte) == len(id)
}

// isRegion reports whether a word is a Region by its structure.
func isRegion(word string) bool {
	area, number, ok := cutLast(word, '-')
	_, direction, _ := cutLast(area, '-')
	if !ok || len(number) != 1 || hasDigit(area) {
		return false
	}
	switch direction {
	case "central", "north", "northeast", "northwest", "south", "southeast", "southwest", "east", "west":
		return true
	}
	return false
}

// knownNames are the names with digits that AWS's texts are known to have. Short
// ones count only as a whole word.
var knownNames = []string{
	"k8s", "ec2", "ipv4", "ipv6", "x86_64", "arm64", "amd64", "aarch64", "riscv64", "sha256", "x509", "route53",
	"s3", "v1", "v2",
}

// isKnownName reports whether all digits of a word are those of known names.
func isKnownName(word string) bool {
	lower := strings.ToLower(word)
	for i := 0; i < len(lower); {
		begins := i == 0 || !isAlphanumeric(lower[i-1]) || lower[i] != word[i] && lower[i-1] == word[i-1]
		name := slices.IndexFunc(knownNames, func(name string) bool {
			rest, ok := strings.CutPrefix(lower[i:], name)
			return ok && (len(name) > 2 || rest == "" || !isAlphanumeric(rest[0]))
		})
		switch {
		case begins && name >= 0:
			i += len(knownNames[name])
		case isDigit(lower[i]):
			return false
		default:
			i++
		}
	}
	return true
}

// isCode reports whether a word is a status or exit code, or all of a reason: '1'.
func isCode(before, word, after string) bool {
	if len(word) > 3 || !isNumber(word) {
		return false
	}
	label := strings.TrimRight(before, ` :='"`)
	return hasSuffixFold(label, "code") || hasSuffixFold(label, "status") || hasSuffixFold(label, " http") ||
		hasSuffixFold(label, "reason") && strings.HasSuffix(before, "'") && strings.HasPrefix(after, "'")
}

// firstEphemeral is the first of the ports that Linux gives to clients.
const firstEphemeral = 32_768

// isPort reports whether a word is the port of a server: not an ephemeral one,
// and not the local port of a connection, before "->".
func isPort(before, word, after string) bool {
	if !isNumber(word) || len(word) > 5 || strings.HasPrefix(after, "->") {
		return false
	}
	if port, _ := strconv.Atoi(word); port >= firstEphemeral {
		return false
	}
	host, ok := strings.CutSuffix(before, ":")
	if !ok {
		return hasSuffixFold(before, "port ")
	}
	if strings.HasSuffix(host, "]") || strings.HasSuffix(host, ellipsis) {
		return true
	}
	start := len(host)
	for start > 0 && isWordByte(host[start-1]) {
		start--
	}
	host = host[start:]
	_, last, ok := cutLast(host, '.')
	return ok && (!hasDigit(last) || strings.Count(host, ".") == 3)
}

// isAccount reports whether a word is an account ID that the text calls one, or
// that is part of an ARN.
func isAccount(before, word string) bool {
	if !IsAccountID(word) {
		return false
	}
	arn := before[strings.LastIndexAny(before, ` '"`)+1:]
	before = strings.TrimRight(before, ` :'"`)
	return strings.HasPrefix(arn, "arn:") || hasSuffixFold(before, "account") || hasSuffixFold(before, "account id")
}
