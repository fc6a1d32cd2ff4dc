package coverage

import (
	"regexp"
	"strings"
	"unicode"
)

// Classify makes an Issue of AWS's text. Letter case, white space, the plural
// "(s)" and stray punctuation do not matter, and quoted text (names that users
// chose) does not decide the type. At most 16 KiB of the text are read, and at
// most 512 bytes of the normalized text are classified.
func Classify(raw string) Issue {
	return classify(normalizeRaw(raw))
}

// classify is Classify for a normalized text that is not truncated.
func classify(text string) Issue {
	issueType := Unclassified
	words := wordsOf(text)
	for _, rule := range issueRules {
		if rule.words.MatchString(words) {
			issueType = rule.issueType
			break
		}
	}
	return NewIssue(issueType, taskDefinitionOf(text), truncate(text, MaxTextBytes))
}

// taskDefinitionOf returns the first task definition that a text names, or "".
func taskDefinitionOf(text string) string {
	for name, ok := nextName(text, 0); ok; name, ok = nextName(text, name.end) {
		if name.isTaskDefinition {
			return SanitizeName(strings.TrimRight(text[name.start:name.end], ".,;"))
		}
	}
	return ""
}

// Limits of the work on an issue's text, in bytes.
const (
	maxRawIssue = 16 << 10 // as AWS returned it
	maxIssue    = 512      // after its lists of identifiers are replaced
)

// normalizeRaw returns the normalized text of an issue, at most maxIssue long.
func normalizeRaw(raw string) string {
	return truncateAtWord(normalize(printable(truncateAtWord(raw, maxRawIssue))), maxIssue)
}

// truncateAtWord truncates a text that is too long, before a word, so that an
// identifier is complete or absent.
func truncateAtWord(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = truncate(s, limit)
	if space := strings.LastIndexByte(s, ' '); space > 0 {
		s = s[:space]
	}
	return s
}

// quoted matches from an opening mark to the closing one, to the end of the text
// if there is none, otherwise one word. Apostrophes are next to letters.
var quoted = regexp.MustCompile(`\B'[^']*'\B|\B'[^']*$|\B'[^'\s]*`)

// wordsOf returns the lower-case words of a text, and ":" and ";", separated by
// single spaces, without what is quoted.
func wordsOf(text string) string {
	text = strings.ToLower(text)
	if strings.Contains(text, "'") { // saves most of the time
		text = quoted.ReplaceAllString(text, "")
	}
	text = strings.ReplaceAll(text, "(s)", "")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.N) && r != ':' && r != ';'
	}), " ")
}

// issueRules are tried in order: a documented reason before its category, an
// add-on's code before words that its message may contain, and an agent's exit
// before words that its reason may quote. Alternatives that do not begin with ^
// are rules of their own, because package regexp takes several times as long for
// them.
var issueRules = []struct {
	issueType IssueType
	words     *regexp.Regexp
}{
	{AddonAccessDenied, addonIssue("access ?denied")},
	{AddonInternalFailure, addonIssue("internal ?failure")},
	{AddonClusterUnreachable, addonIssue("cluster ?unreachable")},
	{AddonInsufficientReplicas, addonIssue("insufficient ?number ?of ?replicas")},
	{AddonConfigurationConflict, addonIssue("configuration ?conflict")},
	{AddonAdmissionRequestDenied, addonIssue("admission ?request ?denied")},
	{AddonUnsupportedModification, addonIssue("unsupported ?addon ?modification")},
	{AddonK8sResourceNotFound, addonIssue("k8s ?resource ?not ?found")},
	{AddonSubscriptionNeeded, addonIssue("addon ?subscription ?needed")},
	{AddonPermissionFailure, addonIssue("addon ?permission ?failure")},
	{AddonIncompatible, regexp.MustCompile(`^addon.*not ?compatible ?with ?(the ?)?current ?cluster ?version`)},
	{AddonFailed, regexp.MustCompile(`^(addon ?(creation ?failed|updat(e|ion) ?failed|status ?unhealthy)|eks ?addon ?issue)`)},
	{AgentImagePull, regexp.MustCompile(`cannot ?pull ?(container|image)`)},
	{AgentImagePull, regexp.MustCompile(`^ecr ?image ?pull ?failed`)},
	{AgentImagePull, regexp.MustCompile(`image ?could ?not ?be ?pulled`)},
	{AgentExited, regexp.MustCompile(`^agent ?exited|^exit ?code|^reason ?:`)},
	{UnsupportedService, regexp.MustCompile(`unsupported invocation by`)},
	{UnsupportedCPUArchitecture, regexp.MustCompile(`unsupported cpu architecture`)},
	{TaskExecutionRoleMissing, regexp.MustCompile(`task ?execution ?role (is )?missing`)},
	{NetworkConfigurationMissing, regexp.MustCompile(`missing network configuration`)},
	{ExclusionTag, regexp.MustCompile(`exclusion ?tag`)},
	{StartedBeforeAgentConfig, regexp.MustCompile(`before enabling automated agent config`)},
	{NewDeploymentRequired, regexp.MustCompile(`requires? a new deployment`)},
	{StartedBeforeRuntimeMonitoring, regexp.MustCompile(`before enabling runtime monitoring`)},
	{WaitingForSSM, regexp.MustCompile(`waiting ?for ?ssm`)},
	{AgentDisconnected, regexp.MustCompile(`agent ?(is ?)?disconnected`)},
	{KernelUnsupported, regexp.MustCompile(`kernel ?version`)},
	{IdentityDocument, regexp.MustCompile(`instance ?identity ?document`)},
	{SSMAssociationCreation, regexp.MustCompile(`^ssm ?association ?creation ?failed|^(guardduty ?)?ssm ?association ?already ?exists|^your ?account ?has ?too ?many ?ssm`)},
	{SSMAssociationUpdate, regexp.MustCompile(`^ssm ?association ?updat(e|ion) ?failed`)},
	{SSMAssociationDeletion, regexp.MustCompile(`^ssm ?association ?deletion ?failed`)},
	{SSMAssociationExecution, regexp.MustCompile(`^ssm ?(instance ?)?association ?execution ?failed|^architectural ?requirements`)},
	{SharedVPCEndpointNotDeleted, regexp.MustCompile(`^shared ?vpc ?endpoint ?deletion`)},
	{LocalCluster, regexp.MustCompile(`^local ?eks ?clusters?|^eks ?addons? ?are ?not ?supported ?on ?local`)},
	{EnablementPermission, regexp.MustCompile(`enablement ?permission ?not ?granted`)},
	{EnablementInProgress, regexp.MustCompile(`enablement ?resource ?provisioning ?in ?progress`)},
	{AuthorizationFailed, regexp.MustCompile(`^(others?\b.*)?error ?due ?to ?authorization ?failure`)},
	{VPCEndpoint, regexp.MustCompile(`\bvpc`)},
	{VPCEndpoint, regexp.MustCompile(`enable ?dns ?(support|hostnames)`)},
	{VPCEndpoint, regexp.MustCompile(`private dns`)},
	{VPCEndpoint, regexp.MustCompile(`; for tasks? in task ?definition`)},
	{AgentNotReporting, regexp.MustCompile(`agent ?not ?reporting`)},
	{AgentNotReporting, regexp.MustCompile(`^no ?agent ?reporting`)},
	{Unidentified, regexp.MustCompile(`unidentified issue`)},
	{Unidentified, regexp.MustCompile(`^others?\b`)},
	{AgentNotProvisioned, regexp.MustCompile(`^agent ?not ?provisioned`)},
}

// addonIssue matches an add-on's issue code in its place: before the message and
// after the category, the words "EKS Addon issue", or both.
func addonIssue(code string) *regexp.Regexp {
	const failed, marker = `addon ?(?:creation ?failed|updat(?:e|ion) ?failed|status ?unhealthy) ?:? ?`, `eks ?addon ?issue ?:? ?`
	return regexp.MustCompile(`^(?:` + failed + `(?:` + marker + `)?|` + marker + `)` + code + `\b`)
}
