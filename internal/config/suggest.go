package config

import (
	"fmt"
	"strconv"
	"strings"
)

// maxQuoted limits how much of a wrong value a message quotes, in runes.
const maxQuoted = 80

// quote returns a value of the file for a message: quoted, on one line and truncated.
func quote(value string) string { return strconv.Quote(truncate(value)) }

func truncate(value string) string {
	if runes := []rune(value); len(runes) > maxQuoted {
		return string(runes[:maxQuoted]) + "…"
	}
	return value
}

// didYouMean returns a suggestion to append to a message, or "" if word is empty.
func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", word)
}

// nearest returns the word most similar to text, ignoring case, or "" if no word is similar enough. A word that
// contains text is similar.
func nearest(text string, words []string) string {
	if len(text) > 2*maxQuoted {
		return ""
	}
	text = strings.ToLower(text)
	best, least := "", min(len(text)/4+2, 4)
	for _, word := range words {
		lower := strings.ToLower(word)
		d := distance(text, lower)
		if len(text) >= 4 && strings.Contains(lower, text) {
			d = min(d, 1)
		}
		if d < least {
			best, least = word, d
		}
	}
	return best
}

// distance returns the number of bytes to insert, delete, replace or swap with their neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
