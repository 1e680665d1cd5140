// What every tour shares: where it begins, who goes, and how it tells what it saw.
export const [root] = process.argv.slice(2);
export const credentials = (username) => ({ username, password: process.env.PASSWORD });
export const tell = (seen) => console.log(JSON.stringify(seen));
