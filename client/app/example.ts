import { asClientError, connect } from '#client/sdk/index.ts';
const find = <Tag extends keyof HTMLElementTagNameMap>(tag: Tag) => document.querySelector(tag) as HTMLElementTagNameMap[Tag];
const say = (text: string) => (find('p').textContent = text);
const avatar = connect({ greeting: 'Hello! Ask me something.' });
avatar.attach(find('video'));
avatar.on('caption', (caption) => say(caption?.heard ?? ''));
avatar.on('error', ({ message }) => say(message));
find('form').addEventListener('submit', (event) => {
  event.preventDefault();
  avatar.prompt(find('input').value).catch((thrown: unknown) => say(asClientError(thrown).message));
});
