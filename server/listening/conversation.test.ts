import { expect, it } from 'vitest';
import { Conversation } from './conversation.fixture.ts';

it('ten turns with pauses, coughs and interruptions go as a person would expect', () => {
  const talk = new Conversation(`
    reply: Hello. How can I help you today?
    user: hello there.
    quiet 4000
    reply: It is sunny and warm in Paris with a little wind from the west.
    user: tell me about
    quiet 700
    user: the weather in Paris.
    quiet 2500
    cough 200
    quiet 6000
    reply: London is cloudy today and it may rain in the afternoon so take an umbrella with you.
    user: and, um,
    quiet 900
    user: what about London?
    quiet 2500
    user: mm-hm
    quiet 2500
    reply: Tomorrow will be fine all day long in all of England and in Wales as well.
    user: no, I meant tomorrow.
    quiet 3000
    user: stop
    quiet 2500
    reply: Of course. Here is one about a fox and some grapes that hung too high for him.
    user: can you tell me a story?
    quiet 3000
    reply: Two minutes.
    user: how long is that story?
    quiet 1000
    quiet 4000
    reply: Good. The fox was hungry.
    user: my number is five five
    quiet 800
    user: five one two three four
    quiet 5000
    cough 300
    quiet 2000
    reply: Yes, I am here. Do you want to hear more?
    user: are you still there?
    quiet 6000
    reply: All right.
    user: yeah
    quiet 4000
    user: thank you, goodbye.
    quiet 2000
  `);
  expect(talk.turns).toEqual([
    'hello there.',
    'tell me about the weather in Paris.',
    'and, um, what about London?',
    'no, I meant tomorrow.',
    'can you tell me a story?',
    'how long is that story?',
    'my number is five five five one two three four',
    'are you still there?',
    'yeah',
    'thank you, goodbye.',
  ]);
  expect(talk.told.filter((act) => act.startsWith('dismiss'))).toEqual([
    ...['dismiss noise', 'dismiss backchannel', 'dismiss command', 'dismiss noise'],
  ]);
  expect(talk.told.filter((act) => act === 'interrupt')).toHaveLength(3);
});
