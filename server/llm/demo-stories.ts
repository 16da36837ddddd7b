import type { Prompt } from './llm.ts';

interface Story {
  readonly title: string;
  /** What somebody may ask a story about. */
  readonly about: RegExp;
  readonly long?: true;
  readonly text: string;
}

/** Written for this server. Short ones take about a minute to tell, the long one about four. */
const STORIES: readonly Story[] = [
  {
    title: 'The Lamp That Waited',
    about: /lighthouse|sea|ship|lamp|boat/i,
    text: `On a small island stood a lighthouse, and in the lighthouse lived a woman named Ada. Every evening she climbed ninety steps and lit the lamp.
One winter the ships stopped coming, because a new harbour had opened in the south. Her neighbours told her to save the oil. Ada thought about it for a whole day, and in the evening she climbed the ninety steps and lit the lamp.
Weeks went by, and nobody passed. Then, on the darkest night of the year, a little boat lost its way. In it sat a boy who had gone out to fish, and the fog had closed behind him like a door. He rowed in circles until his arms were tired. Then he saw a thin yellow light, and he rowed toward it.
When he stood at the door, he was cold, and he was ashamed. I did not know that anyone still lived here, he said. Ada put a cup of tea in his hands. I did not know that anyone would come, she said. That is why I lit it.`,
  },
  {
    title: 'The Clockmaker and the Cat',
    about: /clock|cat|animal|time|pet/i,
    text: `In a narrow street lived a clockmaker who owned forty clocks and one cat. The clocks were never wrong, and the cat was never on time.
Each morning at seven, all forty clocks rang together. The clockmaker got up, filled the bowl, and waited. The cat came at eight, or at nine, or not before noon. This is no way to live, said the clockmaker.
So he built a tiny clock with a leather strap and hung it around the cat's neck. The cat looked at it for a while, yawned, and went out of the window.
That evening the cat did not come home. The clockmaker listened to his forty clocks, and for the first time they sounded empty. At midnight he opened the window, and there, far away, he heard a very small tick. He followed it over the bridge, past the bakery and up a hill. On top of the hill sat the cat, looking at the moon.
The clockmaker sat down beside it. The moon was large, and the night was warm. What time is it, he wondered, and found that he had no wish to know.`,
  },
  {
    title: 'The Robot Who Planted a Tree',
    about: /robot|tree|garden|machine|future/i,
    text: `A robot was built to sweep a long, grey road. It swept from the east end to the west end, and when it was done it began again.
One day it found a chestnut. The rules said that everything on the road was dirt. But the chestnut was round and shiny, and the robot had never seen anything so well made. It put the chestnut in its pocket, where the spare screws were.
At the west end of the road was a crack in the stone. The robot laid the chestnut into the crack and swept a little dust over it. From then on, it carried a cup of water along on each trip.
In spring there was a leaf. In ten years there was a tree, and its roots had broken the road. Men came with a machine to repair it. They looked at the tree, and they looked at the robot, which stood in front of it with its broom held high.
The men talked for a long time. Then they built the road around the tree. The robot still sweeps there today, and in autumn it has more work than any robot in the land. It has never complained.`,
  },
  {
    title: 'The Smallest Orchestra',
    about: /music|orchestra|violin|song|concert/i,
    text: `A town was so poor that its orchestra had a single player. Her name was Mina, and she played the triangle.
Every Sunday she put on her black dress, bowed to the empty chairs around her, and opened the notes. Most of the time she counted silently, because a triangle has little to do. After a hundred and twelve bars she played one note. Then she counted again.
At first people laughed. Then they began to listen to what was missing. An old man in the second row knew where the violins should come in, and he hummed. A girl drummed on her knees. The baker, who had a deep voice, became the cello.
By winter the whole hall was playing, each with what they had. And when it came to bar one hundred and thirteen, everyone stopped and held their breath. Mina lifted her little silver stick. There was one clear note, and it hung in the air for a long time. It was, everyone agreed, the best part.`,
  },
  {
    title: 'The Map of the Quiet Mountain',
    about: /mountain|map|travel|adventure|journey/i,
    text: `Two sisters inherited a map from their grandfather. It showed a mountain with no name and a red cross on top. Under the cross, he had written the word treasure.
They packed bread, rope and a shovel, and they walked for three days. On the first day they argued about the way. On the second day it rained, and they shared one coat. On the third day they did not talk much, because they had begun to hear the same things, the wind in the grass and the stones under their shoes.
On top of the mountain they dug where the cross was. They found a tin box, and in the box was a letter. Dear girls, it said. When your mother was young, she and her brother were not on speaking terms. So I drew them a map. They came back after six days, laughing, and very hungry. I hope that you have had rain. With love, your grandfather.
The sisters put the letter back and filled the hole. Then they wrote a new date under the old one, and took the long way home.`,
  },
  {
    title: 'The Bridge Across the Valley',
    about: /bridge|valley|river|village|winter/i,
    long: true,
    text: `Long ago there were two villages on two sides of a deep valley. The people of the upper village kept sheep, and the people of the lower village grew wheat. At night each could see the lights of the other. But the way down one side and up the other took two days, so hardly anyone ever went.
In the upper village lived a young rope maker named Tomas. He made ropes for wells and bells and for the horns of stubborn goats. One evening he looked across the valley and saw a light that he had not seen before. It went on and off. Three times short, three times long, and then it was dark.
He told his father, who said that it was the wind in front of a window. He told the priest, who said that it was a star. But the next night it came again, and Tomas took a lantern and a hat. He covered the lantern with the hat and took the hat away again. Three times short, three times long.
For a while nothing happened. Then, over there, somebody answered.
It took them all winter to find a language. They began with numbers. One light for one, two lights for two. Then they found yes and no. Then came hungry, and cold, and good night. In February Tomas learned that she was called Lena, and that her father was the miller. He also learned that the lower village had plenty of flour and nothing to keep warm with. He told her that the upper village had more wool than it could spin, and had not tasted fresh bread since autumn.
That is foolish, Lena signalled. It took her a quarter of an hour to say so, and Tomas agreed with every flash of it.
In spring he began to make a rope. It was not a rope for a well or for a goat. It was as thick as his arm, and he wove it from hemp and from wool, so that it would be strong in the rain. His father asked who had ordered it. Everyone, said Tomas, but they do not know it yet.
The rope grew until it filled the shed. Then it filled the yard. The neighbours complained at first, and then they grew curious, and a curious neighbour can be given something to hold. By June half the village was twisting and pulling, and they sang while they did it, so that the work would keep its step.
On the other side Lena had gone from door to door. She asked for planks, one from each house. Some gave a good board, some gave a broken shelf, and the widow at the well gave the door of her pantry, because she said there was nothing in it to guard.
But how does a rope cross a valley? A strong man can throw a stone a hundred steps, and the valley was ten times as wide. They tried it with an arrow and a thread, and the wind took the arrow away. They tried it with a trained crow, and the crow flew home with the thread and ate the bread that was meant as its reward.
In the end it was a child who knew. He was seven years old, and he owned a kite. He stood at the edge and waited for the evening wind, and he let out string until there was no more string, and tied on more. The kite became a speck above the lower village. Then he cut the line at the right moment, and it came down like a leaf in the miller's yard.
With the string they pulled a cord across. With the cord they pulled a line. And with the line, on the longest day of the year, a hundred people on one side let go of the great rope, while a hundred people on the other side drew it in, and it rose out of the depth, and dripped, and shone, and was tight.
The planks took until September. On the day it was finished, nobody wanted to be the first. The bridge moved in the wind, and it was a long way down. So Tomas took a lantern and stepped onto it, although it was noon. From the other side came a girl with flour on her sleeves, and she carried a lantern too.
They met in the middle. They had talked through every night of a whole year, and now neither of them could think of a word. Then Lena lifted her hat, put it over the lantern, and took it away again. Three times short, and three times long.
What does it mean, asked Tomas. You never told me. I always thought that it was a secret sign.
Lena laughed so much that the bridge began to swing. It means nothing at all, she said. Our cat used to walk past the lamp.`,
  },
];

/** The story `wish` asks for: one on its subject that was not told yet, else the one told longest ago, or never. */
export function tell(wish: string, past: Prompt['messages']): string {
  const isLong = /\blong(?:er|est)?\b/i.test(wish);
  const toldAt = ({ title }: Story): number =>
    past.findLastIndex(({ role, content }) => role === 'assistant' && content.includes(title));
  const onSubject = STORIES.find((story) => !isLong && story.about.test(wish) && toldAt(story) < 0);
  const inTurn = STORIES.filter(({ long = false }) => long === isLong).toSorted((a, b) => toldAt(a) - toldAt(b));
  const story = onSubject ?? inTurn[0];
  if (!story) throw new RangeError('There are no stories of this length');
  const opening = onSubject
    ? 'Here is a story.'
    : toldAt(story) < 0
      ? openingFor(wish)
      : 'You have heard them all, so I tell one again.';
  return `${opening} It is called ${story.title}. ${story.text.replaceAll('\n', ' ')}`;
}

const openingFor = (wish: string): string =>
  /\b(?:story|tale) (?:of|behind|about|with|where)\b/i.test(wish)
    ? 'I know only a few stories of my own. Here is one.'
    : 'Here is a story.';

/** Whether the avatar's last words were a story. */
export function hasJustToldOne(past: Prompt['messages']): boolean {
  const last = past.findLast(({ role }) => role === 'assistant')?.content ?? '';
  return STORIES.some(({ title }) => last.includes(title));
}
