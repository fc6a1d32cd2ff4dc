package events

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Attributes are those of a queue that matter for events.
type Attributes struct {
	Policy     string // its JSON document; "" for none
	Redrive    bool   // whether there is a dead-letter queue
	KMSKey     string // "" for none, or for keys that SQS manages
	Messages   int    // waiting, approximately
	InFlight   int    // received and not deleted, approximately
	Visibility int    // timeout in seconds
}

// ReadAttributes reads the attributes of a queue (sqs:GetQueueAttributes). It
// receives no messages.
func ReadAttributes(ctx context.Context, q Queue) (Attributes, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNamePolicy, types.QueueAttributeNameRedrivePolicy, types.QueueAttributeNameKmsMasterKeyId,
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		types.QueueAttributeNameVisibilityTimeout,
	}
	out, err := sqs.NewFromConfig(q.Config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(q.URL), AttributeNames: names,
	})
	if err != nil {
		return Attributes{}, fmt.Errorf("get the attributes of the queue (sqs:GetQueueAttributes): %w", err)
	}
	value := func(name types.QueueAttributeName) string { return out.Attributes[string(name)] }
	number := func(name types.QueueAttributeName) int {
		n, _ := strconv.Atoi(value(name))
		return n
	}
	return Attributes{
		Policy: value(names[0]), Redrive: value(names[1]) != "", KMSKey: value(names[2]),
		Messages: number(names[3]), InFlight: number(names[4]), Visibility: number(names[5]),
	}, nil
}
